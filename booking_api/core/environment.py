"""What this process's environment must not decide: which database is used, and how.

`DATABASE_URL` says that alone. A person who works with PostgreSQL often has more exported for `psql` (`PGPORT`,
`PGOPTIONS`, `PGSERVICE`, …). libpq, asyncpg, dbmate's driver, the server's own programs and PgQueuer all take what a
URL leaves out from there, so that the same command would reach another server, or the right one with other settings.
"""

import os

PREFIXES = ("PG", "DBMATE_")
"""Of the variables that are read by libpq and whatever follows its example, and by dbmate."""
_ignored: set[str] = set()


def forget_database_variables() -> None:
    """Removes those variables from this process's environment, and so from that of every process it starts.

    To be called before any of those programs or libraries is used; repeating it costs a few microseconds.
    """
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        _ignored.add(name)
        del os.environ[name]


def ignored_variables() -> list[str]:
    """The names of what was removed so far, for the sentence that says why a database can't be reached."""
    return sorted(_ignored)

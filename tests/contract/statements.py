"""Rules of docs/adr/0001 that a single statement can break, as functions of its text.

`test_queries.py` holds those about the organisation that a statement is bound to.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

LOCK = re.compile(r"\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b", re.IGNORECASE)
CHANGE = re.compile(
    r"\b(insert\s+into|update\s+\w+(\s+(as\s+)?\w+)?\s+set|delete\s+from|merge\s+into|truncate)\b", re.IGNORECASE
)
ONE_ORGANISATION = re.compile(r"\borg_id\s*=\s*(\$\d|any\s*\(\s*\$\d)", re.IGNORECASE)
SESSION_STATE = [
    re.compile(r"\bpg_(try_)?advisory_lock(_shared)?\s*\(", re.IGNORECASE),
    re.compile(r"^\s*(set\s+(?!local\b)|listen\b|unlisten\b|notify\b|prepare\b|declare\b|load\b|discard\b)", re.IGNORECASE),
    re.compile(r"\bset_config\s*\([^)]*,\s*false\s*\)", re.IGNORECASE),
    re.compile(r"\bcreate\s+temp(orary)?\s+table\b(?!.*\bon\s+commit\s+drop\b)", re.IGNORECASE | re.DOTALL),
]  # fmt: skip


def bare(sql: str) -> str:
    """Without comments and the insides of texts."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", sql))


class SetList(NamedTuple):
    text: str
    """What stands between `set` and the clause after it."""
    of_upsert: bool


def set_lists(sql: str) -> Iterator[SetList]:
    text = bare(sql)
    for found in re.finditer(r"\bset\b", text, re.IGNORECASE):
        if not re.search(r"\bupdate(\s+\w+){0,3}\s*$", text[: found.start()], re.IGNORECASE):
            continue
        depth, at = 0, found.end()
        while at < len(text):
            depth += (text[at] == "(") - (text[at] == ")")
            if depth < 0 or (depth == 0 and re.match(r"\b(where|from|returning)\b", text[at:], re.IGNORECASE)):
                break
            at += 1
        upsert = re.search(r"\bdo\s+update\s*$", text[: found.start()], re.IGNORECASE) is not None
        yield SetList(text[found.end() : at], upsert)


def moves_a_row(sql: str) -> bool:
    """Whether it sets the column by which rows are distributed."""
    for found in set_lists(sql):
        targets = re.match(r"\s*\(([^)]*)\)\s*=", found.text)
        if targets and re.search(r"\borg_id\b", targets[1], re.IGNORECASE):
            return True
        flat = found.text
        while (flatter := re.sub(r"\([^()]*\)", "", flat)) != flat:
            flat = flatter
        if re.search(r"(?:^|,)\s*org_id\s*=", flat, re.IGNORECASE):
            return True
    return False


def upserts_a_parameter(sql: str) -> bool:
    """Whether an upsert takes a new value from anywhere but `excluded` and the row itself."""
    return any(found.of_upsert and re.search(r"\$\d", found.text) for found in set_lists(sql))


def locks_across(sql: str) -> bool:
    """Whether a row lock stands in a select that doesn't name its organisation itself."""
    text = bare(sql)
    for found in LOCK.finditer(text):
        depth, start = 0, found.start()
        while start > 0 and depth >= 0:
            start -= 1
            depth += (text[start] == ")") - (text[start] == "(")
        if not ONE_ORGANISATION.search(text[start : found.start()]):
            return True
    return False


def takes_rows(sql: str) -> bool:
    """Whether it locks or changes rows."""
    return LOCK.search(bare(sql)) is not None or CHANGE.search(bare(sql)) is not None


def leaves_something_behind(sql: str) -> bool:
    """Whether a session remembers it after the transaction; behind PgBouncer the next one is another client's."""
    return any(pattern.search(bare(sql)) for pattern in SESSION_STATE)


def early_foreign_keys(migration: str) -> list[str]:
    """Foreign keys of a migration that don't stand in a block after its tables, where each table can be distributed."""
    text = bare(migration.partition("-- migrate:down")[0])
    statements = [" ".join(statement.split()).lower() for statement in text.split(";")]
    tables = [
        at for at, statement in enumerate(statements)
        if statement.startswith("create table") and " partition of " not in statement
    ]  # fmt: skip
    last = max(tables, default=-1)
    return [
        statement for at, statement in enumerate(statements)
        if (at in tables and re.search(r"\b(references|foreign key)\b", statement))
        or (at < last and statement.startswith("alter table") and " foreign key " in statement)
    ]  # fmt: skip

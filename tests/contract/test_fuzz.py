"""Schemathesis finds nothing: the bounded version. `tests/contract/fuzz.py` is the long one."""

from pathlib import Path

from tests.contract.fuzz import fuzz_all


async def test_schemathesis_finds_nothing(database_url: str, tmp_path: Path):
    options = ["--max-examples", "2", "--seed", "1", "--continue-on-failure"]
    found = await fuzz_all(database_url, tmp_path, options)
    assert not found, "\n".join(found)

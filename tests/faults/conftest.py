"""Where demos keep their data in tests, and which tests begin first."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST = ("test_kills", "test_flapping", "test_failover", "test_demo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first, so that nobody waits for one of them in the end."""
    items.sort(key=lambda item: not any(f"faults/{name}.py" in item.nodeid for name in LONGEST))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory. Not pytest's own: that is closed to all but one user, and root's PostgreSQL runs as another."""
    path = Path(tempfile.mkdtemp(prefix="booking-demo-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)

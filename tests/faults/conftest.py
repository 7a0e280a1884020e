"""Where demos keep their data in tests."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory. Not pytest's own: that is closed to all but one user, and root's PostgreSQL runs as another."""
    path = Path(tempfile.mkdtemp(prefix="booking-demo-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)

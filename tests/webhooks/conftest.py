"""Receivers on this machine, that are answered at once."""

import msgspec
import pytest

from booking_api.core.settings import Settings
from tests import conftest as usual


@pytest.fixture
def settings(database_url: str) -> Settings:
    made = usual.settings.__wrapped__(database_url)  # type: ignore[attr-defined] - the fixture's own function
    return msgspec.structs.replace(made, outbound_loopback=True, webhook_timeout_seconds=0.6)

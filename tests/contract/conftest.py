"""A server that offers everything, and one thing of each kind on it."""

import msgspec
import pytest

from booking_api.core.settings import Settings
from tests.conftest import settings as plain_settings
from tests.contract.scene import PROVIDER_URL, Scene, build_scene

offered = plain_settings


@pytest.fixture
def settings(offered: Settings) -> Settings:
    """With the test provider, so that its webhooks are taken; nothing here pays through it."""
    return msgspec.structs.replace(offered, test_provider_url=PROVIDER_URL)


@pytest.fixture
async def scene(api, world) -> Scene:
    return await build_scene(api, world)

"""What a serving process must not load before it is needed: each of these costs every worker megabytes."""

import subprocess
import sys

import pytest

LOAD = """
import sys
from booking_api.app import create_app
from booking_api.core.settings import load_settings
create_app(load_settings(database_url="postgresql://127.0.0.1/none", secret_key="x" * 40))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_by(program: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return loaded_by(LOAD)


@pytest.mark.parametrize(
    "package", ["pydantic", "PIL", "qrcode", "markdown_it", "httpx", "pgqueuer", "typer", "faker", "phonenumbers"]
)
def test_the_application_does_without(loaded, package):
    assert "litestar" in loaded
    assert package not in loaded


LOADED_BY_A_COMMAND = {"asyncpg", "booking_api", "cryptography", "httpx", "litestar", "msgspec", "rich", "structlog"}


def test_the_command_line_starts_without_what_its_commands_do():
    """`--help` answers at once: capabilities bring their commands, and load what those do when they run."""
    loaded = loaded_by("import sys; from booking_api.cli import app; print(*sys.modules)")
    assert {"booking_api.persons.commands", "booking_api.identity.commands", "typer"} <= loaded
    assert {name.partition(".")[0] for name in loaded} & LOADED_BY_A_COMMAND == {"booking_api"}
    assert not {name for name in loaded if name.endswith((".capability", ".routes", "queries"))}


def test_serving_does_without_rich():
    """Structlog loads it wherever it is installed, unless it is told that there is none."""
    program = (
        "import booking_api.cli.processes as p; p._without_rich(); import booking_api.app, sys; print(*sys.modules)"
    )
    assert not {name for name in loaded_by(program) if name.startswith(("rich.", "pygments"))}

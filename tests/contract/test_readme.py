"""The README's tour works as printed: its commands are run, and each `# → text` is what the command printed."""

import json
import os
import re
import subprocess
from pathlib import Path

from booking_api.run.starting import free_port
from tests.processes import running, wait_for

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMISE = re.compile(r"# → (.+)$", re.MULTILINE)


def test_the_tour_works_as_printed(tmp_path: Path):
    blocks = BLOCK.findall(README.read_text())
    assert len(blocks) >= 6
    script = "set -euo pipefail\n" + "\n".join(blocks)
    with running("demo", "--ephemeral", "--json", "--port", str(free_port())) as demo:
        assert demo.stdout is not None
        started = json.loads(wait_for(demo.stdout.readline))
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            env={
                **os.environ, "URL": started["url"], "PK": started["publishable_key"], "STAFF": started["staff_token"],
                "no_proxy": "*",
            },
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == PROMISE.findall("\n".join(blocks))
    assert (tmp_path / "pass.png").read_bytes().startswith(b"\x89PNG")


def test_the_readme_names_the_commands_that_exist():
    text = README.read_text()
    for command in ("pip install . && booking-api demo", "pip install '.[test]' && pytest"):
        assert command in text
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (README.parent / link).exists(), link

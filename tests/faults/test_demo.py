"""The demo: it starts, remembers, stops, and survives the death of any of its processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from booking_api.core.process import StartFailed
from booking_api.run.demo.embedded import EmbeddedPostgres
from booking_api.run.starting import free_port
from tests.operations.test_serve import says
from tests.processes import (
    demo,
    environment,
    family_of,
    is_ready,
    read_line,
    run,
    run_benchmarks,
    running,
    stop,
    wait_for,
    wait_until_gone,
)
from tests.world import bearer


def find(process: subprocess.Popen[str], *words: str) -> list[psutil.Process]:
    """The live processes of a demo with these words in their command line, oldest first."""
    found = []
    for one in family_of(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE and all(word in " ".join(one.cmdline()) for word in words):
                found.append(one)
    return sorted(found, key=psutil.Process.create_time)


def test_it_announces_itself_remembers_and_stops_cleanly(folder: Path) -> None:
    with demo(folder) as (process, first):
        assert set(first) == {"url", "publishable_key", "secret_key", "staff_token", "docs"}
        for key in ("publishable_key", "secret_key", "staff_token"):
            answer = httpx.get(f"{first['url']}/v1/places", headers=bearer(first[key]))
            assert answer.status_code == 200, (key, answer.text)
        staff = httpx.get(f"{first['url']}/v1/feedback", headers=bearer(first["staff_token"]))
        assert staff.status_code == 200, staff.text
        assert httpx.get(first["docs"], follow_redirects=True).status_code == 200
        family = family_of(process)
        assert len(family) >= 5
        status, out, _ = stop(process)
        assert (status, out) == (0, ""), "the announcement is the only line on standard output"
        wait_until_gone(family)
    for file in folder.glob("demo*.json"):
        assert file.stat().st_mode & 0o077 == 0, "the keys are readable by their owner alone"
    with demo(folder) as (process, second):
        assert (second["publishable_key"], second["secret_key"]) == (first["publishable_key"], first["secret_key"])
        assert httpx.get(f"{second['url']}/v1/places", headers=bearer(second["staff_token"])).status_code == 200
        assert stop(process, signal.SIGINT)[0] == 0


def test_while_it_runs(folder: Path) -> None:
    """Its folder is its own, and a booking costs a phone three requests or one."""
    with demo(folder) as (process, announced):
        says(run("demo", "--port", "0", "--data-dir", str(folder)), "Another demo is running on the data directory")
        done = run_benchmarks("mobile", "--url", announced["url"], "--key", announced["publishable_key"], "--json")
        assert done.returncode == 0, done.stderr
        guest, returning = json.loads(done.stdout).values()
        assert (guest["requests"], returning["requests"]) == (3, 1)
        assert 0 < returning["bytes"] < guest["bytes"]
        assert stop(process)[0] == 0


def test_whatever_dies_is_started_again(folder: Path) -> None:
    with demo(folder) as (process, announced):
        url = announced["url"]
        for words in (("booking_api serve",), ("booking_api worker",), ("test-provider",), ("postgres", "-D")):
            victim = find(process, *words)[0]
            victim.kill()
            wait_until_gone([victim])
            wait_for(lambda words=words: find(process, *words))
            wait_for(lambda: is_ready(url, workers=1))
            assert process.poll() is None
            answer = httpx.get(f"{url}/v1/places", headers=bearer(announced["publishable_key"]))
            assert answer.status_code == 200
        assert stop(process)[0] == 0


def test_nothing_outlives_a_killed_demo_and_the_next_one_starts(folder: Path) -> None:
    port = str(free_port())
    with demo(folder, "--port", port) as (process, first):
        family = family_of(process)
        process.kill()
        # At once, while the kernel is still ending its children.
        with demo(folder, "--port", port) as (successor, second):
            assert second["url"] == first["url"]
            assert second["secret_key"] == first["secret_key"]
            assert httpx.get(f"{first['url']}/v1/places", headers=bearer(first["secret_key"])).status_code == 200
            wait_until_gone(family)
            assert stop(successor)[0] == 0


def test_a_database_that_was_left_behind_does_not_stop_the_next_start(folder: Path) -> None:
    with demo(folder) as (process, _):
        postgres = find(process, "postgres", "-D")[0]
        postgres.suspend()  # It can't notice the end of the demo before the next one begins.
        others = find(process, "booking_api")
        process.kill()
        wait_until_gone(others)
        with running("demo", "--json", "--port", "0", "--data-dir", str(folder), BOOKING_SECRET_KEY="") as successor:
            postgres.resume()
            assert json.loads(read_line(successor))["url"]
            assert stop(successor)[0] == 0


def test_an_ephemeral_demo_leaves_nothing(folder: Path) -> None:
    temporary = folder / "tmp"
    temporary.mkdir()
    given = ("demo", "--json", "--port", "0", "--ephemeral")
    with running(*given, BOOKING_SECRET_KEY="", TMPDIR=str(temporary), HOME=str(folder)) as process:
        assert json.loads(read_line(process))["url"]
        assert len(list(temporary.glob("booking-api-demo-*"))) == 1
        assert stop(process)[0] == 0
    assert list(temporary.glob("booking-api-demo-*")) == []
    assert not (folder / ".local").exists()


def test_it_can_be_stopped_while_it_starts(folder: Path) -> None:
    given = ("demo", "--json", "--port", "0", "--data-dir", str(folder))
    with running(*given, BOOKING_SECRET_KEY="") as process:
        wait_for((folder / "postgres" / "postmaster.pid").exists)
        family = family_of(process)
        status, out, _ = stop(process)
        assert (status, out) == (0, "")
        wait_until_gone(family)
    with demo(folder) as (process, _):
        assert stop(process)[0] == 0


def test_with_a_database_url_it_uses_that_server(folder: Path, database_url: str) -> None:
    with demo(folder, DATABASE_URL=database_url) as (process, first):
        assert not any("-D" in one.cmdline() for one in family_of(process))
        assert stop(process)[0] == 0
    assert not (folder / "postgres").exists()
    with demo(folder, DATABASE_URL=database_url) as (process, second):
        assert second["secret_key"] == first["secret_key"]
        assert stop(process)[0] == 0


def test_a_taken_port_is_said(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        says(run("demo", "--port", str(port), "--data-dir", str(folder)), f"Port {port} on 127.0.0.1 is taken")


def test_an_unreachable_database_is_said(folder: Path) -> None:
    url = f"postgresql://127.0.0.1:{free_port()}/booking"
    says(run("demo", "--port", "0", "--data-dir", str(folder), DATABASE_URL=url), "can't be reached")


def test_a_data_directory_that_cannot_be_used_is_said(folder: Path) -> None:
    file = folder / "file"
    file.write_text("")
    says(run("demo", "--port", "0", "--data-dir", str(file)), "can't be used")


def test_a_damaged_memory_is_said(folder: Path) -> None:
    (folder / "demo.json").write_text("{")
    says(run("demo", "--port", "0", "--data-dir", str(folder)), "is damaged")


def test_a_full_disk_is_said_before_anything_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("usage", (), {"free": 2**20})
    monkeypatch.setattr("booking_api.run.demo.embedded.shutil.disk_usage", lambda _: usage)
    with pytest.raises(StartFailed, match=r"The disk is full: .* has 1 MB free"):
        EmbeddedPostgres(folder / "postgres", folder / "log").prepare()
    assert not (folder / "postgres").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may limit a folder's size by mounting one")
def test_a_disk_that_fills_up_is_said(folder: Path) -> None:
    """The supervisor's own look at the disk is left out, so that initdb itself runs into the end of it."""
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine doesn't let a test mount a folder")
    try:
        program = (
            "import sys; from booking_api.run.demo import embedded; embedded.FIRST_START_BYTES = 0; "
            "from booking_api.cli import app; app()"
        )
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, "demo", "--port", "0", "--data-dir", str(small)],
            env=environment(BOOKING_SECRET_KEY=""), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        says(done, "The disk is full")
    finally:
        subprocess.run(["umount", str(small)], check=True)

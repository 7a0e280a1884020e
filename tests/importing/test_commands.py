"""`booking-api import`, as somebody types it."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from booking_api.cli import app
from tests.demo.excerpts import CHECKED_IN
from tests.importing.support import copy_flights, save_flights, slots_by_code
from tests.importing.test_catalogue import write_example
from tests.world import World, build_world


@pytest.fixture
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


async def invoke(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["import", *arguments])


@pytest.mark.usefixtures("environment")
async def test_a_catalogue(world: World, tmp_path: Path) -> None:
    write_example(tmp_path)
    result = await invoke("catalogue", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "products               3 new         0 changed         0 the same" in result.stdout
    assert "2037-10-01 to 2037-11-08" in result.stdout
    assert len(await slots_by_code(world, "night-coach@%")) == 10


@pytest.mark.usefixtures("environment")
async def test_flights_with_dates_and_a_bad_line(world: World, tmp_path: Path) -> None:
    flights = [r for r in copy_flights(tmp_path) if (r["month"], r["day"]) == ("3", "10")]
    save_flights(tmp_path, [{**flights[0], "dest": "XXX"}, *flights[1:]])
    arguments = ("--org", world.org.name, "--from", "2013-03-10", "--to", "2013-03-16", "--shift-to", "2026-03-08")
    result = await invoke("flights", str(tmp_path), *arguments)
    assert result.exit_code == 3, result.output
    assert "1 line was left out, all the others were imported; say --allow-left-out" in result.stderr
    assert "flights.csv:2: there is no airport 'XXX' in airports.csv" in result.stderr
    assert "2026-03-08 to 2026-03-08" in result.stdout
    assert len(await slots_by_code(world, "%-2026-03-08")) == len(flights) - 1
    meant = await invoke("flights", str(tmp_path), *arguments, "--allow-left-out")
    assert (meant.exit_code, "--allow-left-out" in meant.stderr) == (0, False)
    assert "flights.csv:2: there is no airport 'XXX' in airports.csv" in meant.stderr


PLACE = '{"code": "HAM", "name": "Hamburg", "time_zone": "Europe/Berlin"}'


@pytest.mark.usefixtures("environment", "world")
@pytest.mark.parametrize(
    ("name", "content", "left_out"),
    [
        ("a.json", f'{{"places": [{PLACE}, {{"code": "X", "name": "Nowhere", "time_zone": "Mars/Olympus"}}]}}', 1),
        ("a.json", f'{{"places": [{PLACE}, 7, {{"code": "Y"}}]}}', 2),
        ("places.csv", "code,name,time_zone\nHAM,Hamburg,Europe/Berlin\nB,too few\n", 1),
        ("places.csv", "code,name,time_zone\nHAM,Hamburg,Europe/Berlin\nP,Posix,posix/Europe/Berlin\n", 1),
    ],
)
async def test_a_catalogue_with_lines_left_out_says_so_by_its_status(
    tmp_path: Path, name: str, content: str, left_out: int
) -> None:
    (tmp_path / name).write_text(content)
    result = await invoke("catalogue", str(tmp_path))
    assert result.exit_code == 3, result.output
    assert f"{left_out} left out" in result.stdout
    assert "left out, all the others were imported" in result.stderr
    assert (await invoke("catalogue", str(tmp_path), "--allow-left-out")).exit_code == 0


def rename_languages(folder: Path) -> None:
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace('"en":', '"xx":').replace('"de":', '"DE":'))


@pytest.mark.usefixtures("environment", "world")
async def test_a_product_in_no_language_is_left_out(tmp_path: Path) -> None:
    write_example(tmp_path)
    rename_languages(tmp_path)
    result = await invoke("catalogue", str(tmp_path))
    assert result.exit_code == 3
    assert "'xx' is not a language tag (BCP 47) of a known language" in result.stderr
    assert "the language 'DE' is written 'de'" in result.stderr


@pytest.mark.usefixtures("environment")
async def test_what_cannot_be_done_is_said_in_a_sentence(world: World, tmp_path: Path) -> None:
    await build_world(world.runtime, "Westwind")
    for arguments, reason in (
        (("catalogue", str(tmp_path / "none"), "--org", "Ostwind"), "There is no"),
        (("flights", str(tmp_path), "--org", "Ostwind"), "There is no airports.csv"),
        (("flights", str(CHECKED_IN)), "Say by --org which organisation is meant"),
        (("flights", str(CHECKED_IN), "--org", "Nordwind"), "Say by --org which organisation is meant"),
    ):
        result = await invoke(*arguments)
        assert result.exit_code == 1
        assert reason in result.stderr
        assert "Traceback" not in result.output


async def test_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    result = await invoke("flights", str(CHECKED_IN))
    assert (result.exit_code, "DATABASE_URL is not set" in result.stderr) == (1, True)

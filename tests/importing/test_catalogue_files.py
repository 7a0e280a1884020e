"""Files that are no catalogue, or a broken one: said in a sentence."""

from pathlib import Path

import pytest

from booking_api.importing.schemas import ImportFailed
from tests.importing.test_catalogue import load
from tests.world import World


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a catalogue"),
        (b"{", "not a catalogue"),
        (b"[]", "not a catalogue"),
        (b"[" * 100_000, "nested too deeply|not a catalogue"),
        (b'{"places": [{"code": "\xff"}]', "not a catalogue"),
        (b'{"plaices": []}', "unknown field `plaices`"),
        (b'{"currency": "USD"}', "prices in USD, but Ostwind sells in EUR"),
    ],
    ids=["empty", "cut", "list", "deep", "cut and no UTF-8", "unknown field", "currency"],
)
async def test_a_file_that_is_none_is_said_in_a_sentence(
    world: World, tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ImportFailed, match=reason):
        await load(world, path)


async def test_elements_that_are_no_text_or_too_deep_are_reported(world: World, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    deep = b'{"code": "D", "name": ' + b"[" * 500 + b"]" * 500 + b"}"
    path.write_bytes(
        b'{"places": [\n{"code": "\xff"},\n' + deep + b',\n7,\n{"code": "OK", "name": "Fine", "time_zone": "UTC"}]}'
    )
    summary = await load(world, path)
    assert [p.line for p in summary.problems] == [2, 3, 4]
    assert summary.places.created == 1


async def test_an_empty_folder_and_no_folder(world: World, tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"has no \.json file"):
        await load(world, tmp_path)
    with pytest.raises(ImportFailed, match="There is no"):
        await load(world, tmp_path / "nothing")
    (tmp_path / "slots.csv").write_text("product,starts_at,capacity,colour\n")
    with pytest.raises(ImportFailed, match="unknown columns: colour"):
        await load(world, tmp_path)
    (tmp_path / "slots.csv").write_text("product,starts_at\n")
    with pytest.raises(ImportFailed, match="no column capacity"):
        await load(world, tmp_path)

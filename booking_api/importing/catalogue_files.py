"""Reading a catalogue: a .json file, or a folder of .json files with places.csv, slots.csv and slots.ndjson beside them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from booking_api.catalog.write_schemas import NewPlace
from booking_api.core.text.fields import Unfit, apply_rules
from booking_api.core.web.misfits import describe_misfit
from booking_api.importing.csv_files import MOST_LINE_BYTES, CsvFile, find_csv
from booking_api.importing.formats import CatalogueDocument
from booking_api.importing.schemas import ImportFailed
from booking_api.inventory.write_schemas import SlotElement

T = TypeVar("T", bound=msgspec.Struct)
FoundElement = tuple[str, int, T | str]
"""File, line, and the element or what is wrong with it."""
MOST_BYTES, MOST_BYTES_IN_ALL = 64 << 20, 512 << 20


class CatalogueFile(msgspec.Struct, frozen=True):
    """One .json file with its elements still undecoded."""

    name: str
    content: bytes
    document: CatalogueDocument


class Catalogue(msgspec.Struct, frozen=True):
    """What there is to import."""

    files: list[CatalogueFile]
    places_csv: Path | None = None
    slots_csv: Path | None = None
    slots_ndjson: Path | None = None


def read_document(name: str, content: bytes) -> CatalogueFile:
    """Decodes a file's outer form. Raises `ImportFailed` saying where it is malformed."""
    try:
        return CatalogueFile(name, content, msgspec.json.decode(content, type=CatalogueDocument))
    except RecursionError:
        raise ImportFailed(f"{name} is nested too deeply.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ImportFailed(f"{name} is not a catalogue: {error}.") from None


def read_catalogue(path: Path) -> Catalogue:
    """Finds the files. Raises `ImportFailed` when there are none or one is malformed."""
    if not path.exists():
        raise ImportFailed(f"There is no {path}.")
    paths = sorted(path.glob("*.json")) if path.is_dir() else [path]
    files: list[CatalogueFile] = []
    room = MOST_BYTES_IN_ALL
    for file in paths:
        try:
            with file.open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
            room -= len(content)
            if len(content) > MOST_BYTES:
                raise ImportFailed(f"{file} has more than {MOST_BYTES >> 20} MiB; divide it into several files.")
            if room < 0:
                raise ImportFailed(
                    f"{path} has more than {MOST_BYTES_IN_ALL >> 20} MiB of .json files; import it in parts."
                )
            files.append(read_document(file.name, content))
        except OSError as error:
            raise ImportFailed(f"{file} can't be read: {error.strerror}.") from None
    if not path.is_dir():
        return Catalogue(files)
    places, slots = find_csv(path, "places.csv"), find_csv(path, "slots.csv")
    lines = path / "slots.ndjson"
    if not files and places is None and slots is None and not lines.exists():
        raise ImportFailed(f"{path} has no .json file, no places.csv, no slots.csv and no slots.ndjson.")
    return Catalogue(files, places, slots, lines if lines.exists() else None)


def _decode(raw: bytes, into: type[T]) -> T | str:
    if b"\\u0000" in raw:
        return "a text contains the character NUL"
    try:
        return _treated(msgspec.json.decode(raw, type=into), into)
    except RecursionError:
        return "it is nested too deeply"
    except msgspec.ValidationError as error:
        return _said(error, into)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return str(error)


def _treated(element: T, into: type[T]) -> T | str:
    """The element, each of its texts treated as its field says, or what is wrong with one of them."""
    try:
        return apply_rules(element, into, None)
    except Unfit as error:
        return _placed(error.detail, error.steps[::-1])


def _said(error: msgspec.ValidationError, into: type[msgspec.Struct]) -> str:
    """What doesn't fit, in words where the decoder would show a pattern."""
    if " matching regex " not in str(error):
        return str(error)
    steps, sentence = describe_misfit(error, into)
    return _placed(sentence, steps)


def _placed(sentence: str, steps: Sequence[str]) -> str:
    """As the decoder says where something is."""
    return f"{sentence} - at `${''.join(f'[{step}]' if step.isdecimal() else f'.{step}' for step in steps)}`"


def json_elements(file: CatalogueFile, raws: list[msgspec.Raw], into: type[T]) -> Iterator[FoundElement[T]]:
    """The elements of one of a file's lists, each with the line it begins on."""
    cursor, line = 0, 1
    for raw in raws:
        content = bytes(raw)
        position = file.content.find(content, cursor)
        line += file.content.count(b"\n", cursor, position)
        yield file.name, line, _decode(content, into)
        line += content.count(b"\n")
        cursor = position + len(content)


def _quotas(text: str) -> dict[str, Any]:
    """`light=20;flex=30` as a mapping; a part without `=` becomes a quota that the format refuses."""
    return {code.strip(): places.strip() for code, _, places in (part.partition("=") for part in text.split(";"))}


def csv_elements(path: Path, into: type[NewPlace] | type[SlotElement]) -> Iterator[FoundElement[Any]]:
    """The lines of places.csv or slots.csv; an empty field is absent. Raises `ImportFailed` for a column that is missing."""
    fields = msgspec.structs.fields(into)
    with CsvFile(path, [field.encode_name for field in fields if field.required]) as file:
        if unknown := sorted(set(file.header) - {field.encode_name for field in fields}):
            raise ImportFailed(f"{path} has unknown columns: {', '.join(unknown)}.")
        for line, values in file:
            if isinstance(values, str):
                yield file.name, line, values
                continue
            record: dict[str, Any] = {name: value for name, value in zip(file.header, values, strict=True) if value}
            if "quotas" in record:
                record["quotas"] = _quotas(record["quotas"])
            try:
                yield file.name, line, _treated(msgspec.convert(record, into, strict=False), into)
            except msgspec.ValidationError as error:
                yield file.name, line, _said(error, into)


def ndjson_elements(path: Path, into: type[T]) -> Iterator[FoundElement[T]]:
    """The lines of a file, each an element; blank ones don't count."""
    try:
        with path.open("rb") as file:
            for line, raw in enumerate(iter(lambda: file.readline(MOST_LINE_BYTES + 1), b""), 1):
                if len(raw) > MOST_LINE_BYTES:
                    raise ImportFailed(f"{path} has a line of more than {MOST_LINE_BYTES >> 20} MiB.")
                if raw.strip():
                    yield path.name, line, _decode(raw, into)
    except OSError as error:
        raise ImportFailed(f"{path} can't be read: {error.strerror}.") from None


def place_elements(catalogue: Catalogue) -> Iterator[FoundElement[NewPlace]]:
    for file in catalogue.files:
        yield from json_elements(file, file.document.places, NewPlace)
    if catalogue.places_csv is not None:
        yield from csv_elements(catalogue.places_csv, NewPlace)


def slot_elements(catalogue: Catalogue) -> Iterator[FoundElement[SlotElement]]:
    for file in catalogue.files:
        yield from json_elements(file, file.document.slots, SlotElement)
    if catalogue.slots_csv is not None:
        yield from csv_elements(catalogue.slots_csv, SlotElement)
    if catalogue.slots_ndjson is not None:
        yield from ndjson_elements(catalogue.slots_ndjson, SlotElement)

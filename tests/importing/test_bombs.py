"""Compressed files that unpack to more than anybody would pack, need more memory, or aren't what they say."""

import gzip
import io
import lzma
import random
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from booking_api.importing import csv_files
from booking_api.importing.catalogue_files import read_catalogue
from booking_api.importing.csv_files import CsvFile
from booking_api.importing.schemas import ImportFailed

HEADER = b"product,starts_at,capacity\n"
LINE = b"tour,2026-10-01T10:00:00+02:00,20\n"


def _zip(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("slots.csv", content)
    return made.getvalue()


PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".xz": lzma.compress, ".zip": _zip}
SUFFIXES = pytest.mark.parametrize("suffix", PACK)


def read(path: Path) -> list[list[str] | str]:
    with CsvFile(path, ["product"]) as file:
        return [fields for _, fields in file]


@SUFFIXES
def test_what_people_pack_is_read(tmp_path: Path, suffix: str) -> None:
    chance = random.Random(1)
    lines = b"".join(b"tour-%d,2026-10-01T10:00:00+02:00,%d\n" % (n, chance.randrange(999)) for n in range(50_000))
    path = tmp_path / f"slots.csv{suffix}"
    path.write_bytes(PACK[suffix](HEADER + lines))
    assert len(read(path)) == 50_000


@SUFFIXES
def test_the_same_line_for_ever_ends_at_the_bound(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "ALWAYS_BYTES", 1 << 20)
    path = tmp_path / f"slots.csv{suffix}"
    path.write_bytes(PACK[suffix](HEADER + LINE * 1_000_000))
    assert path.stat().st_size * csv_files.MOST_TIMES < len(LINE) * 1_000_000
    with pytest.raises(ImportFailed, match="MiB are packed in it, which no timetable has"):
        read(path)


@SUFFIXES
def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"slots.csv{suffix}"
    path.write_bytes(PACK[suffix](HEADER + b"x" * (48 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(ImportFailed, match="a line has more than 1 MiB"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_a_plain_line_without_end_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "slots.csv"
    path.write_bytes(HEADER + b"x" * (2 << 20))
    with pytest.raises(ImportFailed, match="a line has more than 1 MiB"):
        read(path)


@SUFFIXES
def test_a_header_without_end_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"slots.csv{suffix}"
    path.write_bytes(PACK[suffix](b"x" * (8 << 20)))
    with pytest.raises(ImportFailed, match="can't be read"):
        read(path)


def test_an_xz_file_that_wants_a_dictionary_of_a_gigabyte(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(HEADER + LINE, filters=filters))
    place = packed.index(bytes([0x21, 0x01]), 12)  # The filter's id and the length of its properties.
    assert packed[place + 2] == 16
    packed[place + 2] = 37  # 1.5 GiB
    length = (packed[12] + 1) * 4
    packed[12 + length - 4 : 12 + length] = struct.pack("<I", zlib.crc32(bytes(packed[12 : 12 + length - 4])))
    path = tmp_path / "slots.csv.xz"
    path.write_bytes(packed)
    with pytest.raises(ImportFailed, match="can't be read"):
        read(path)


def test_several_xz_streams_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "slots.csv.xz"
    path.write_bytes(lzma.compress(HEADER + LINE) + b"\0" * 8 + lzma.compress(LINE * 2) + b"\0" * 4)
    assert len(read(path)) == 3


@SUFFIXES
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_file_that_breaks_off_is_said(tmp_path: Path, suffix: str, kept: float) -> None:
    chance = random.Random(2)
    packed = PACK[suffix](HEADER + b"".join(b"tour,x,%d\n" % chance.randrange(10**9) for _ in range(20_000)))
    path = tmp_path / f"slots.csv{suffix}"
    path.write_bytes(packed[: int(len(packed) * kept)])
    with pytest.raises(ImportFailed, match=r"can't be read|is damaged"):
        read(path)


@SUFFIXES
def test_a_file_with_broken_bytes_is_said(tmp_path: Path, suffix: str) -> None:
    chance = random.Random(3)
    packed = bytearray(PACK[suffix](HEADER + b"".join(b"tour,x,%d\n" % chance.randrange(10**9) for _ in range(20_000))))
    for place in range(len(packed) // 3, len(packed) // 2):
        packed[place] ^= 0x55
    path = tmp_path / f"slots.csv{suffix}"
    path.write_bytes(packed)
    with pytest.raises(ImportFailed, match=r"can't be read|is damaged"):
        read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_file_of_another_method_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "slots.csv.zip"
    path.write_bytes(_zip(HEADER + LINE, method))
    with pytest.raises(ImportFailed, match="pack it with the method deflate"):
        read(path)


def test_an_encrypted_zip_file_is_said(tmp_path: Path) -> None:
    packed = bytearray(_zip(HEADER + LINE))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + flags] |= 1
    path = tmp_path / "slots.csv.zip"
    path.write_bytes(packed)
    with pytest.raises(ImportFailed, match="encrypted"):
        read(path)


@pytest.mark.parametrize("suffix", ["", *PACK])
def test_a_folder_of_that_name_is_no_file(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"slots.csv{suffix}").mkdir()
    with pytest.raises(ImportFailed, match="it is not a file"):
        read(tmp_path / f"slots.csv{suffix}")


def test_a_device_without_end_is_no_catalogue() -> None:
    with pytest.raises(ImportFailed, match="has more than 64 MiB"):
        read_catalogue(Path("/dev/zero"))

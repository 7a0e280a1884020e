"""CSV files, plain or compressed, line by line and in constant memory."""

import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from booking_api.importing.schemas import ImportFailed

SUFFIXES = ("", ".zip", ".xz", ".gz")
DAMAGED = (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, zlib.error)
"""What says that a file can't be read, or not to its end."""
MOST_LINE_BYTES = 1 << 20
MOST_TIMES = 200
"""How many times as long as the file what is packed in it may be; timetables reach thirty."""
ALWAYS_BYTES = 64 << 20
"""So much may be in any file, however small it is."""
MOST_BYTES = 16 << 30
DICTIONARY_BYTES = 192 << 20
"""Memory to unpack an .xz file with; `xz -9` needs a third of it."""


class XzStream(io.RawIOBase):
    """The content of an .xz file, unpacked in bounded memory, which the standard library's own file type isn't."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._unpacker = self._begin()
        self._began = False

    @staticmethod
    def _begin() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=DICTIONARY_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Some more bytes; 0 at the end. Raises `LZMAError`, and `EOFError` where the file breaks off."""
        while True:
            left = b""
            if self._unpacker.eof:  # Several streams may follow one another, with zeros between them.
                left = self._unpacker.unused_data.lstrip(b"\0") or self._packed.read(io.DEFAULT_BUFFER_SIZE).lstrip(
                    b"\0"
                )
                if not left:
                    return 0
                self._unpacker = self._begin()
            elif self._unpacker.needs_input:
                left = self._packed.read(io.DEFAULT_BUFFER_SIZE)
                if not left:
                    raise EOFError("it ends before the end of what is packed in it")
            made = self._unpacker.decompress(left, len(buffer))
            if made:
                buffer[: len(made)] = made
                return len(made)


def find_csv(folder: Path, name: str) -> Path | None:
    """The file of this name in the folder, plain or with the suffix of a compression."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


class CsvFile:
    """An open CSV file in UTF-8 with a header. Raises `ImportFailed` when it can't be opened or lacks a column.

    `total` is its size when unpacked, in bytes, and 0 where only unpacking would tell; `done` what was read of it.
    """

    def __init__(self, path: Path, required: Sequence[str] = ()) -> None:
        self.path = path
        self.name = path.name
        self.total = 0
        self.done = 0
        self._most = MOST_BYTES
        self._required = required
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._lines = csv.reader(self._decode(self._open()), strict=False)
            header = next(self._lines, None)
        except (*DAMAGED, csv.Error) as error:
            self._stack.close()
            raise ImportFailed(f"{self.path} can't be read: {error}.") from None
        self.header = [] if header is None else [name.strip().removeprefix("\ufeff") for name in header]
        if missing := [name for name in self._required if name not in self.header]:
            self._stack.close()
            raise ImportFailed(f"{self.path} has no column {', '.join(missing)}.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> IO[bytes]:
        if not self.path.is_file():
            raise OSError("it is not a file")
        packed = self.path.stat().st_size
        self._most = min(MOST_BYTES, max(ALWAYS_BYTES, MOST_TIMES * packed))
        match self.path.suffix:
            case ".zip":
                archive = self._stack.enter_context(zipfile.ZipFile(self.path))
                member = next((item for item in archive.infolist() if item.filename.endswith(".csv")), None)
                if member is None:
                    raise OSError("there is no .csv file in it")
                if member.flag_bits & 1:
                    raise OSError("what is in it is encrypted")
                if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                    raise OSError("it is packed in an unusual way; pack it with the method deflate")
                self.total = member.file_size
                self.name = Path(member.filename).name
                return self._stack.enter_context(archive.open(member))
            case ".xz":
                return io.BufferedReader(XzStream(self._stack.enter_context(self.path.open("rb"))))
            case ".gz":
                return self._stack.enter_context(cast("IO[bytes]", gzip.open(self.path)))
            case _:
                self.total = self._most = packed
                return self._stack.enter_context(self.path.open("rb"))

    def _decode(self, stream: IO[bytes]) -> Iterator[str]:
        while line := stream.readline(MOST_LINE_BYTES + 1):
            self.done += len(line)
            if len(line) > MOST_LINE_BYTES:
                raise OSError(f"a line has more than {MOST_LINE_BYTES >> 20} MiB")
            if self.done > self._most:
                raise OSError(f"more than {self._most >> 20} MiB are packed in it, which no timetable has")
            yield line.decode("utf-8", "replace")

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        """Each line with its number: its fields, or what is wrong with it. Empty lines are passed over."""
        columns = len(self.header)
        while True:
            try:
                fields = next(self._lines)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._lines.line_num, str(error)
                continue
            except DAMAGED as error:
                raise ImportFailed(f"{self.path} is damaged after line {self._lines.line_num}: {error}.") from None
            if not fields:
                continue
            if len(fields) != columns:
                yield self._lines.line_num, f"it has {len(fields)} fields and the header {columns}"
            elif any("\ufffd" in field or "\0" in field for field in fields):
                yield self._lines.line_num, "it is not valid UTF-8 text"
            else:
                yield self._lines.line_num, fields

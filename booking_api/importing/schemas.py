"""What an import reports."""

from collections.abc import Callable
from datetime import date

import msgspec

from booking_api.core.process import StartFailed

MAX_PROBLEMS_KEPT = 1_000

Progress = Callable[[int, int, str], None]
"""Called now and then with what is done, what there is in all (0: not known), and a few words."""


def no_progress(done: int, total: int, words: str) -> None:
    """For callers that don't watch."""


class ImportFailed(StartFailed):
    """Nothing could be read at all; the message is one sentence for the person who started it."""


class ImportProblem(msgspec.Struct, frozen=True):
    """One line, or one element of a JSON file, that was left out, and why."""

    file: str
    line: int
    """Counted from 1, the header of a CSV file included."""
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail}"


class Counts(msgspec.Struct):
    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def add(self, created: int, changed: int, unchanged: int) -> None:
        self.created += created
        self.changed += changed
        self.unchanged += unchanged


class Summary(msgspec.Struct):
    """What an import did. `problems` holds the first 1,000; `problem_count` counts them all."""

    lines: int = 0
    """Lines read from CSV files and elements from JSON files, headers not counted."""
    places: Counts = msgspec.field(default_factory=Counts)
    layouts: Counts = msgspec.field(default_factory=Counts)
    products: Counts = msgspec.field(default_factory=Counts)
    slots: Counts = msgspec.field(default_factory=Counts)
    first_date: date | None = None
    """Local dates of the earliest and latest slot that was written or found the same."""
    last_date: date | None = None
    problem_count: int = 0
    problems: list[ImportProblem] = []
    notes: list[str] = []
    """What was assumed, in sentences."""
    warnings: list[str] = []
    """What went in and may be a mistake all the same, in sentences."""

    def report(self, file: str, line: int, detail: str) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS_KEPT:
            self.problems.append(ImportProblem(file, line, detail))

    def saw_date(self, day: date) -> None:
        if self.first_date is None or day < self.first_date:
            self.first_date = day
        if self.last_date is None or day > self.last_date:
            self.last_date = day

    def merge(self, other: "Summary") -> None:
        """Adds what another import did."""
        self.lines += other.lines
        for mine, theirs in (
            (self.places, other.places), (self.layouts, other.layouts), (self.products, other.products), (self.slots, other.slots),
        ):  # fmt: skip
            mine.add(theirs.created, theirs.changed, theirs.unchanged)
        for day in (other.first_date, other.last_date):
            if day is not None:
                self.saw_date(day)
        self.problem_count += other.problem_count
        self.problems = [*self.problems, *other.problems][:MAX_PROBLEMS_KEPT]
        self.notes = [*self.notes, *other.notes]
        self.warnings = [*self.warnings, *other.warnings]

    @property
    def touched(self) -> int:
        """How many things were written."""
        return sum(kind.created + kind.changed for kind in (self.places, self.layouts, self.products, self.slots))

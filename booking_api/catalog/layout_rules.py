"""Whether a seat layout is right as it is described, and the rows that are made from a number of seats. Pure."""

from booking_api.catalog.layout_schemas import LayoutInput, NewDeck, NewLayout, NewSeat, NewSeatRow
from booking_api.catalog.reference_rules import check_code
from booking_api.core.errors import unprocessable

# Up to so many seats, a row is cut into these blocks by aisles.
CABINS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (19, ("A", "C")),
    (50, ("A", "CD")),
    (105, ("AC", "DF")),
    (240, ("ABC", "DEF")),
    (300, ("AB", "DEFG", "JK")),
    (1_000, ("ABC", "DEFG", "HJK")),
)
EXIT_ROW_SEATS = 40
"""Cabins with fewer seats have no exit row marked."""


def define_layout(layout: LayoutInput) -> NewLayout:
    """The layout with every seat. Raises `Unprocessable`."""
    check_code(layout.code)
    if layout.seats is not None and layout.decks is None:
        return generate_layout(layout.code, layout.seats)
    if layout.decks is None or layout.seats is not None:
        raise unprocessable("/seats", "A seat layout has either seats or decks.")
    codes = [seat.code for deck in layout.decks for row in deck.rows for seat in row.seats]
    if len(codes) != len(set(codes)):
        raise unprocessable("/decks", "A seat is there twice.")
    return NewLayout(code=layout.code, decks=layout.decks)


def _features(letter: str, blocks: tuple[str, ...], row: int, rows: int, seats: int) -> list[str]:
    features: list[str] = []
    if letter in (blocks[0][0], blocks[-1][-1]):
        features.append("window")
    edges = {block[-1] for block in blocks[:-1]} | {block[0] for block in blocks[1:]}
    if letter in edges:
        features.append("aisle")
    if not features:
        features.append("middle")
    if row == 1:
        features.append("front")
    if seats >= EXIT_ROW_SEATS and row == rows // 2:
        features.append("exit_row")
    return features


def generate_layout(code: str, seats: int) -> NewLayout:
    """One deck with exactly so many seats (1 to 1,000), numbered from the front; the last row may be short."""
    blocks = next(blocks for most, blocks in CABINS if seats <= most)
    letters = "".join(blocks)
    rows = -(-seats // len(letters))
    made = [
        NewSeatRow(
            number,
            [
                NewSeat(f"{number}{letter}", _features(letter, blocks, number, rows, seats))
                for letter in letters[: seats - (number - 1) * len(letters)]
            ],
        )
        for number in range(1, rows + 1)
    ]
    return NewLayout(code=code, decks=[NewDeck(list(letters), made)])

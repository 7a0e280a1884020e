"""How a refusal reads where lines are reported."""

import pytest

from booking_api.core.errors import FieldError, Unprocessable, unprocessable
from booking_api.importing.rules import say_refusal


@pytest.mark.parametrize(
    ("pointer", "detail", "said"),
    [
        ("/prices/12/unit", "It is for the unit 'x'.", "prices[12] is for the unit 'x'"),
        ("/schedules/0", "It ends before it begins.", "schedules[0] ends before it begins"),
        ("/schedules/0/seat_layout", "There is no seat layout 'x'.", "there is no seat layout 'x'"),
        ("/ends_at", "It ends before it starts.", "it ends before it starts"),
        ("/title/xx", "'xx' is no tag.", "'xx' is no tag"),
        ("/prices/1/unit", "Item 3 is missing.", "item 3 is missing"),
    ],
)
def test_a_sentence_without_its_pointer(pointer, detail, said):
    assert say_refusal(unprocessable(pointer, detail)) == [said]


def test_each_mistake_and_one_of_the_whole():
    several = Unprocessable("One.", errors=[FieldError("/a", "One."), FieldError("/b", "Two.")])
    assert say_refusal(several) == ["one", "two"]
    assert say_refusal(Unprocessable("A schedule makes too many.")) == ["a schedule makes too many"]

"""Draws `docs/state-machine.md` from the table of transitions: `python -m tests.contract.draw_state_machine`."""

from pathlib import Path

from booking_api.bookings.rules import FINAL, TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"

HEAD = """# The states of an order and its bookings

Drawn from `TRANSITIONS` in `booking_api/bookings/rules.py` by `python -m tests.contract.draw_state_machine`; a test
compares the two. A booking has its order's state, except that one booking of a confirmed order can be cancelled by
itself.

"""

MEANING = {
    "extend": "the hold gets its full time again, up to its limit",
    "confirm": "nothing is to be paid now",
    "pay": "an intent is committed, then the provider is asked",
    "settle": "the payment succeeded while the places were kept",
    "decline": "the payment failed; the hold is kept for another try",
    "abandon": "no outcome came in time; the places are given back",
    "supersede": "another payment is asked for; the open one is given up, and the places are kept",
    "cancel": "the customer, or staff for them, gives it up",
    "expire": "the hold's time is over; the places are given back",
    "retake": "the payment succeeded after that, and there was room again",
    "refuse": "the payment succeeded after that, without room: it is refunded",
}


def draw() -> str:
    """The page as it should be."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> on_hold: hold"]
    lines += [f"    {before} --> {after}: {action}" for (before, action), after in TRANSITIONS.items()]
    lines += [f"    {status} --> [*]" for status in sorted(FINAL)]
    lines += ["```", "", "| from | action | to | when |", "|---|---|---|---|"]
    lines += [
        f"| `{before}` | {action} | `{after}` | {MEANING[action]} |" for (before, action), after in TRANSITIONS.items()
    ]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(draw())

"""Draws `docs/state-machine.md` from the table of transitions and the law: `python -m tests.contract.draw_state_machine`."""

from pathlib import Path
from typing import get_args

from booking_api.bookings.rules import (
    BOOKING_VERBS,
    FINAL,
    TRANSITIONS,
    BookingStanding,
    Condition,
    Decision,
    OrderStanding,
    judge_booking,
    judge_hold,
    judge_payment,
)
from booking_api.bookings.schemas import Status

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"

HEAD = """# The states of an order and its bookings

Drawn from `TRANSITIONS` and the law in `booking_api/bookings/rules.py` by
`python -m tests.contract.draw_state_machine`; a test compares the two. A booking has its order's state, except that one booking of a confirmed order can be cancelled by
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
    "refuse": "the payment succeeded without room, or for a slot that had ended: it is refunded",
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
    return HEAD + "\n".join(lines) + "\n" + LAW + "\n".join(draw_law()) + "\n"


LAW = """
## What may be done now

Asked for a customer about the only booking of an order, with seats to choose; `condition` is what the slot is under
the booking's option. **yes** is listed in `available_actions`, *repeat* is answered as if it had just been done, the
rest is the refusal with its `because`. `payment` is what becomes of money that arrives. A slot that `moved` is open,
but not when the customer agreed to.

"""


def _words(verdict: Decision) -> str:
    if verdict.outcome == "refused":
        return f"`{verdict.code}`" + (f" {verdict.because[0]}" if verdict.because else "")
    return "**yes**" if verdict.is_allowed else "*repeat*"


def draw_law() -> list[str]:
    """The law as a table: every condition and status."""
    verbs = [*BOOKING_VERBS, "payment"]
    lines = [f"| condition | status | {' | '.join(verbs)} |", "|---|---|" + "---|" * len(verbs)]
    for condition in ("open", "moved", *(found for found in get_args(Condition) if found != "open")):
        known = "open" if condition == "moved" else condition
        for status in get_args(Status):
            booking = BookingStanding(
                status=status,
                condition=known,
                begun=known == "departed",
                moved=condition == "moved",
                seated=True,
                undecided=condition if status == "confirmed" and condition in {"moved", "cancelled"} else None,
            )
            order = OrderStanding(status=status, bookings=(booking,))
            verdicts = [judge_booking(verb, order, booking) for verb in BOOKING_VERBS]
            money = {"allowed": "confirms", "repeated": "is kept", "refused": "goes back"}[judge_payment(order).outcome]
            lines.append(f"| {condition} | `{status}` | {' | '.join(map(_words, verdicts))} | {money} |")
    lines += ["", "A new hold:", "", "| condition | hold |", "|---|---|"]
    lines += [f"| {condition} | {_words(judge_hold(condition))} |" for condition in get_args(Condition)]
    return lines


if __name__ == "__main__":
    PAGE.write_text(draw())

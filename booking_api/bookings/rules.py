"""Pure decisions: the state machine, the law of what may be done now.

The law is asked at every step: operations refuse by it, `available_actions` lists by it, `docs/state-machine.md` is
drawn from it, and `tests/bookings/test_matrix.py` walks all of it through HTTP.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec

from booking_api.bookings.schemas import OrderRow, Status, StatusReasonCode
from booking_api.core.cache import remembered
from booking_api.inventory.schemas import SlotRow
from booking_api.inventory.slot_rules import SlotTimes

Action = Literal[
    "extend", "confirm", "pay", "settle", "decline", "abandon", "cancel", "expire", "retake", "refuse", "supersede"
]

TRANSITIONS: Mapping[tuple[Status, Action], Status] = {
    ("on_hold", "extend"): "on_hold",
    ("on_hold", "confirm"): "confirmed",
    ("on_hold", "pay"): "pending",
    ("on_hold", "settle"): "confirmed",
    ("on_hold", "cancel"): "cancelled",
    ("on_hold", "expire"): "expired",
    ("on_hold", "refuse"): "rejected",
    ("pending", "settle"): "confirmed",
    ("pending", "decline"): "on_hold",
    ("pending", "abandon"): "rejected",
    ("pending", "supersede"): "on_hold",
    ("pending", "cancel"): "cancelled",
    ("pending", "refuse"): "rejected",
    ("expired", "retake"): "confirmed",
    ("expired", "refuse"): "rejected",
    ("rejected", "retake"): "confirmed",
    ("rejected", "refuse"): "rejected",
    ("cancelled", "refuse"): "cancelled",
    ("confirmed", "cancel"): "cancelled",
}
"""The state machine of an order and of its bookings, whole. `docs/state-machine.md` is drawn from it.

`settle`: the payment succeeded while the places were kept. `retake`: it succeeded after they were given back, and
there was room. `refuse`: there was none, or the slot had ended, and the money goes back. `abandon`: no outcome came
in time. `supersede`: the customer pays in another way; should the first payment succeed all the same, it goes back.
"""

STATUS_REASONS: Mapping[StatusReasonCode, Mapping[str, str]] = {
    "no_room": {
        "en": "The payment came when there was no room any more. It is given back in full.",
        "de": "Als die Zahlung kam, war kein Platz mehr frei. Sie wird ganz erstattet.",
    },
    "payment_undecided": {
        "en": "No payment came in time.",
        "de": "Es kam rechtzeitig keine Zahlung.",
    },
    "released": {
        "en": "The organiser gave the places back before they were paid.",
        "de": "Der Veranstalter hat die Plätze vor der Bezahlung wieder freigegeben.",
    },
    "slot_cancelled": {
        "en": "It was cancelled by the organiser. What was paid is given back in full.",
        "de": "Der Veranstalter hat abgesagt. Was bezahlt wurde, wird ganz erstattet.",
    },
    "departed": {
        "en": "The payment came after the departure. It is given back in full.",
        "de": "Die Zahlung kam erst nach dem Beginn der Reise. Sie wird ganz erstattet.",
    },
    "gate_closed": {
        "en": "The payment came after admission had ended. It is given back in full.",
        "de": "Die Zahlung kam nach dem Ende des Einlasses. Sie wird ganz erstattet.",
    },
}
"""Why a status is what it is, where nobody asked for it."""
ENDED_REASONS: Mapping[str, StatusReasonCode] = {
    "cancelled": "slot_cancelled", "departed": "departed", "gate_closed": "gate_closed",
}  # fmt: skip

FINAL: frozenset[Status] = frozenset({"cancelled", "expired", "rejected"})
HOLDS_PLACES: frozenset[Status] = frozenset({"on_hold", "pending", "confirmed"})
PAYABLE: frozenset[Status] = frozenset({"on_hold", "pending"})
RETRY_AFTER_DECLINE = timedelta(minutes=5)
"""After a late decline the customer has at least this long to try another means of payment."""


def next_status(status: Status, action: Action) -> Status | None:
    """Where an action leads from a status, None where it isn't allowed."""
    return TRANSITIONS.get((status, action))


def has_ended(order: OrderRow, now: datetime) -> bool:
    """Whether a hold is over, swept or not."""
    return order.status == "on_hold" and order.expires_at is not None and order.expires_at <= now


def shown_status(order: OrderRow, status: Status, now: datetime) -> Status:
    """The status as customers see it: a hold that is over is expired, even before the sweep has reached it."""
    return "expired" if status == "on_hold" and has_ended(order, now) else status


# the law ----------------------------------------------------------------------------------------------------------

Condition = Literal["open", "sales_over", "closed", "withdrawn", "gate_closed", "departed", "cancelled"]
"""What a slot is under an option at a moment. The last one that applies counts; see `condition_of`."""
ENDED: frozenset[Condition] = frozenset({"gate_closed", "departed", "cancelled"})
"""Nobody can be let in any more, so that nothing is held, confirmed or charged for it."""
Asker = Literal["customer", "agent", "manager", "key", "system"]
"""For whom is asked. An app asks for the customer whom it makes; owners count as managers."""
OrderVerb = Literal["extend", "confirm", "cancel"]
BookingVerb = Literal[
    "edit", "choose_seat", "extend", "confirm", "cancel", "keep", "resume", "show_pass", "settle_on_site"
]  # fmt: skip
ORDER_VERBS: tuple[OrderVerb, ...] = get_args(OrderVerb)
BOOKING_VERBS: tuple[BookingVerb, ...] = get_args(BookingVerb)
RefusalCode = Literal[
    "already_used", "conflict", "forbidden", "hold_expired", "not_cancellable", "not_changeable", "sales_closed", "slot_changed",
    "use_order",
]  # fmt: skip
"""The refusals that the law knows; see `bookings.refusals`."""


class BookingStanding(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What the law looks at of one booking."""

    status: Status
    """As it is shown: a hold that is over is expired, swept or not."""
    condition: Condition
    begun: bool = False
    """Whether the slot's start has passed."""
    moved: bool = False
    """Whether the slot isn't at the time or place that the customer agrees to."""
    undecided: Literal["cancelled", "moved"] | None = None
    """What happened to the slot of a confirmed booking, where its customer may choose."""
    kept: bool = False
    """Whether that was chosen about the last time."""
    seated: bool = False
    """Whether the slot has seats to choose."""
    admitted: bool = False
    """Whether somebody of it was admitted, and that not undone."""
    seats_used: bool = False
    """Whether everybody of it who takes a seat was admitted."""
    owing: bool = False
    """Whether something of its price is to be paid on site still."""


class OrderStanding(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What the law looks at of an order, and for whom."""

    status: Status
    bookings: tuple[BookingStanding, ...]
    asker: Asker = "customer"
    at_limit: bool = False
    """Whether the hold lasts as long as it ever may."""
    may_overrule: bool = False
    """Whether who asks may, for a reason, undo for people what the gate has seen of them: a manager, or the system."""


class Decision(msgspec.Struct, frozen=True):
    """Allowed; or a repeat, where all that was asked for is so already; or refused with a code, and because of what."""

    outcome: Literal["allowed", "repeated", "refused"]
    code: RefusalCode | None = None
    because: tuple[str, ...] = ()
    position: int | None = None
    """Which of the order's bookings stands in the way."""

    @property
    def is_allowed(self) -> bool:
        return self.outcome == "allowed"

    def or_else(self, other: "Decision") -> "Decision":
        """This one where it refuses, else the other."""
        return other if self.is_allowed else self

    @property
    def is_offered(self) -> bool:
        """Whether it is listed: what only needs the caller's word on it is, as is what only needs details."""
        return self.is_allowed or self.code == "slot_changed"


ALLOWED, REPEATED = Decision("allowed"), Decision("repeated")


def _refused(code: RefusalCode, *because: str, position: int | None = None) -> Decision:
    return Decision("refused", code, because, position)


def condition_of(slot: SlotRow, times: SlotTimes, now: datetime) -> Condition:
    """What a slot is at a moment, with its times under an option."""
    if slot.status == "cancelled":
        return "cancelled"
    if now >= times.over_at:
        return "departed" if slot.kind == "departure" and now >= slot.starts_at else "gate_closed"
    if not slot.on_sale:
        return "withdrawn"
    if slot.status == "closed":
        return "closed"
    return "sales_over" if now >= times.sales_close_at else "open"


def judge_hold(condition: Condition) -> Decision:
    """Whether something may be held anew."""
    return ALLOWED if condition == "open" else _refused("sales_closed", condition)


def judge_payment(order: OrderStanding) -> Decision:
    """Whether money that has arrived may confirm the order, if there is room; else it goes back."""
    match order.status:
        case "confirmed":
            return REPEATED
        case "cancelled":
            return _refused("conflict", order.status)
        case _:
            return _ended(order) or ALLOWED


def judge_order(verb: OrderVerb, order: OrderStanding) -> Decision:
    """Whether something may be done with an order now, and if not, which refusal says so."""
    match verb:
        case "extend":
            return _judge_hold_of(order) or _extend(order)
        case "confirm" if order.status == "confirmed":
            return REPEATED
        case "confirm" if order.status == "pending":
            # The same payment again is a repeat; another one takes its place, which is confirming anew.
            return _ended(order) or _moved(order) or ALLOWED
        case "confirm":
            return _judge_hold_of(order) or _moved(order) or ALLOWED
        case "cancel":
            return _cancel(order, order.bookings)


def judge_booking(verb: BookingVerb, order: OrderStanding, booking: BookingStanding) -> Decision:
    """Whether something may be done with one booking of an order now, and if not, which refusal says so."""
    is_one_of_several = len(order.bookings) > 1
    match verb:
        case "extend" | "confirm":
            return _refused("use_order") if is_one_of_several else judge_order(verb, order)
        case "cancel" if is_one_of_several and order.status in {"on_hold", "pending", "expired"}:
            return _refused("use_order")
        case "cancel":
            return _cancel(order, [booking])
        case "keep":
            return _keep(booking)
        case "choose_seat" if booking.status == "confirmed" and booking.seats_used and not order.may_overrule:
            return _edit(booking, is_seat=True).or_else(_refused("already_used"))
        case "edit" | "choose_seat":
            return _edit(booking, is_seat=verb == "choose_seat")
        case "resume" if order.asker in {"key", "system"}:
            return _refused("forbidden")
        case "resume":
            return ALLOWED if booking.status in HOLDS_PLACES else _refused("conflict", booking.status)
        case "show_pass":
            return ALLOWED if booking.status == "confirmed" else _refused("conflict", booking.status)
        case "settle_on_site":
            return _settle_on_site(order.asker, booking)


def judge_item(order: OrderStanding, *, admitted: bool) -> Decision:
    """Whether one item may be changed, beside what the law says of its booking: not once its person was admitted."""
    return _refused("already_used") if admitted and not order.may_overrule else ALLOWED


def needs_reason(booking: BookingStanding) -> bool:
    """Whether who cancels it has to say why: somebody was admitted, and it wasn't the organiser who called it off."""
    return booking.status == "confirmed" and booking.admitted and booking.condition != "cancelled"


# Nearly all orders stand in one of a few ways, and to judge each anew for every verb was a fiftieth of a hold.


@remembered
def order_actions(order: OrderStanding) -> tuple[OrderVerb, ...]:
    """What can be done next with an order."""
    return tuple(verb for verb in ORDER_VERBS if judge_order(verb, order).is_offered)


@remembered
def booking_actions(order: OrderStanding, booking: BookingStanding) -> tuple[BookingVerb, ...]:
    """What can be done next with one booking."""
    return tuple(verb for verb in BOOKING_VERBS if judge_booking(verb, order, booking).is_offered)


def _ended(order: OrderStanding) -> Decision | None:
    for position, booking in enumerate(order.bookings):
        if booking.condition in ENDED:
            return _refused("sales_closed", booking.condition, position=position)
    return None


def _moved(order: OrderStanding) -> Decision | None:
    for position, booking in enumerate(order.bookings):
        if booking.moved:
            return _refused("slot_changed", "moved", position=position)
    return None


def _judge_hold_of(order: OrderStanding) -> Decision | None:
    """Why a hold can't be gone on with; None where it can.

    That a slot has ended comes before that the hold has: no other hold on it would help.
    """
    if order.status not in {"on_hold", "expired"}:
        return _refused("conflict", order.status)
    if (ended := _ended(order)) is not None:
        return ended
    return _refused("hold_expired") if order.status == "expired" else None


def _extend(order: OrderStanding) -> Decision:
    """A hold is a promise, but not one that grows once there is nothing for sale any more."""
    for position, booking in enumerate(order.bookings):
        if booking.condition != "open":
            return _refused("sales_closed", booking.condition, position=position)
    return REPEATED if order.at_limit else ALLOWED


def _cancel(order: OrderStanding, chosen: Sequence[BookingStanding]) -> Decision:
    """A hold any time, being paid or not; a confirmed booking until its slot begins, or whenever the organiser
    cancelled or moved it. Of whom somebody was admitted only a manager cancels, begun or not, unless the organiser
    cancelled the slot.
    """
    left = [booking for booking in chosen if booking.status != "cancelled"]
    if not left or order.status == "cancelled":
        return REPEATED
    for booking in left:
        match booking.status:
            case "on_hold" | "pending":
                pass
            case "confirmed" if booking.condition == "cancelled":
                pass
            case "confirmed" if booking.admitted:
                if not order.may_overrule:
                    return _refused("not_cancellable", "already_used", position=chosen.index(booking))
            case "confirmed" if not booking.begun or booking.undecided:
                pass
            case "confirmed":
                why = booking.condition if booking.condition in ENDED else "begun"
                return _refused("not_cancellable", why, position=chosen.index(booking))
            case other:
                return _refused("not_cancellable", other)
    return ALLOWED


def _keep(booking: BookingStanding) -> Decision:
    """A slot that moved may be kept at its new time; that is so already once it was, or where nothing happened since."""
    if booking.status != "confirmed":
        return _refused("conflict", booking.status)
    match booking.undecided:
        case "moved":
            return ALLOWED
        case "cancelled":
            return _refused("conflict", "slot_cancelled")
        case None:
            return REPEATED if booking.kept else _refused("conflict", "nothing_to_decide")


def _settle_on_site(asker: Asker, booking: BookingStanding) -> Decision:
    """Staff take what is due, also of who comes late, but nobody is charged for what the organiser called off."""
    if asker == "customer":
        return _refused("forbidden")
    if booking.status != "confirmed":
        return _refused("conflict", booking.status)
    if booking.condition == "cancelled":
        return _refused("conflict", "called_off")
    return ALLOWED if booking.owing else _refused("conflict", "nothing_due")


def _edit(booking: BookingStanding, *, is_seat: bool) -> Decision:
    """Details may be given for as long as they are of use: until the slot has ended, begun or not.

    Who is to get money back for a cancelled slot may still say how they are reached, but choose no seat.
    """
    match booking.status:
        case "expired" if booking.condition not in ENDED:
            return _refused("hold_expired")
        case "on_hold" | "expired" if booking.condition in ENDED:
            return _refused("not_changeable", booking.condition)
        case "confirmed" if booking.condition == "cancelled":
            if booking.begun or is_seat:
                return _refused("not_changeable", "cancelled")
        case "confirmed" if booking.condition in ENDED:
            return _refused("not_changeable", booking.condition)
        case "on_hold" | "confirmed":
            pass
        case other:
            return _refused("conflict", other)
    return _refused("not_changeable", "no_seats") if is_seat and not booking.seated else ALLOWED


def feedback_step(
    status: Status, *, details_missing: bool, visit_over: bool
) -> Literal["details", "payment", "confirmed", "visit"] | None:
    """At which step of the journey the customer is, for a feedback prompt; None where none should be asked."""
    match status:
        case "on_hold":
            return "details" if details_missing else "payment"
        case "confirmed":
            return "visit" if visit_over else "confirmed"
        case _:
            return None

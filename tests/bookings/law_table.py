"""What the law says, written by hand: what may be done in each state, under whatever became of the slot.

`test_matrix` walks all of it.
"""

from booking_api.bookings.schemas import Status

ROLES = ("customer", "agent", "manager")
COLUMNS = ("extend", "confirm", "cancel", "edit", "choose_seat", "keep", "resume", "show_pass", "settle")
VERBS = (*COLUMNS, "settle_on_site")

# Each cell is `ok`, `agree` (it is refused until the caller names the time, and then works), `repeat` (it is so
# already, and answered as if it had just been done), `reason` (it is refused until the caller says why, and then works),
# or the refusal with its `because`. Under `settle`, a payment that succeeds now, it is what the booking is afterwards.
# Cells that differ by who asks say so: `customer=…|agent=…|manager=…`. `no` under `show_pass` is only that it isn't listed.
STAFF_RESUME = "conflict customer=ok|agent=ok|manager=ok"
KEPT_RESUME = "ok customer=ok|agent=ok|manager=ok"
STAFF_NO_RESUME = "conflict customer=conflict|agent=conflict|manager=conflict"
ON_HOLD = f"ok ok ok ok ok {STAFF_RESUME} no confirmed"
PROMISE = f"ok ok ok ok {STAFF_RESUME} no confirmed"
EXPIRED = f"hold_expired hold_expired not_cancellable:expired hold_expired hold_expired {STAFF_NO_RESUME} no"
PENDING = f"conflict ok ok conflict conflict {STAFF_RESUME} no"
REJECTED = f"conflict conflict not_cancellable:rejected conflict conflict {STAFF_NO_RESUME} no"
CANCELLED = f"conflict conflict repeat conflict conflict {STAFF_NO_RESUME} no cancelled"
CONFIRMED = f"conflict repeat ok ok ok {STAFF_RESUME} ok confirmed"
USED = "customer=not_cancellable:already_used|agent=not_cancellable:already_used|manager=reason"
SEATED_ALL = "customer=already_used|agent=already_used|manager=reason"


def admitted(
    *, edit: str = "ok", seat: str = "ok", seat_of_all: str = SEATED_ALL, cancel: str = USED, choice: str = STAFF_RESUME
) -> list[str]:
    """Rows of whom the gate has seen: a manager cancels for a reason, begun or not, the customer doesn't. The contact
    is theirs to change; a seat is while somebody who takes one is still outside."""
    return [
        f"partly_admitted conflict repeat {cancel} {edit} {seat} {choice} ok confirmed",
        f"all_admitted conflict repeat {cancel} {edit} {seat_of_all} {choice} ok confirmed",
    ]


def ended(why: str, reason: str) -> list[str]:
    """Rows of what nobody can be let in to any more. The payment goes back, and who asks for an alternative gets one."""
    closed, fixed = f"sales_closed:{why}", f"not_changeable:{why}"
    return [
        f"on_hold {closed} {closed} ok {fixed} {fixed} {STAFF_RESUME} no rejected:{reason}",
        f"expired {closed} {closed} not_cancellable:expired {fixed} {fixed} {STAFF_NO_RESUME} no rejected:{reason}",
        f"swept {closed} {closed} not_cancellable:expired {fixed} {fixed} {STAFF_NO_RESUME} no rejected:{reason}",
        f"pending conflict {closed} ok conflict conflict {STAFF_RESUME} no rejected:{reason}",
        f"rejected {REJECTED} rejected:{reason}",
        f"cancelled {CANCELLED}",
    ]


def closed_to_others(why: str, retaken: str) -> list[str]:
    """Rows of what nobody else may begin any more: a hold is a promise, but it doesn't grow."""
    return [
        f"on_hold sales_closed:{why} {PROMISE}",
        f"expired {EXPIRED} confirmed",
        f"swept {EXPIRED} {retaken}",
        f"pending {PENDING} confirmed",
        f"confirmed {CONFIRMED}",
        *admitted(),
        f"rejected {REJECTED} {retaken}",
        f"cancelled {CANCELLED}",
    ]


OPEN = [
    f"on_hold {ON_HOLD}",
    f"expired {EXPIRED} confirmed",
    f"swept {EXPIRED} confirmed",
    f"pending {PENDING} confirmed",
    f"confirmed {CONFIRMED}",
    *admitted(),
    f"rejected {REJECTED} confirmed",
    f"cancelled {CANCELLED}",
]
TABLE: dict[str, list[str]] = {
    "open": OPEN,
    # Scheduled to have left and to have closed its gate, and expected later: sold and held as if it were to come yet.
    # What cancelling gives back goes by the schedule, by which it has begun.
    "delayed": [
        f"confirmed conflict repeat not_cancellable:begun ok ok {STAFF_RESUME} ok confirmed",
        *(row for row in OPEN if row.split()[0] != "confirmed"),
    ],
    "moved": [
        f"on_hold ok agree ok ok ok {STAFF_RESUME} no confirmed",
        f"pending conflict agree ok conflict conflict {STAFF_RESUME} no confirmed",
        f"confirmed conflict repeat ok ok ok {KEPT_RESUME} ok confirmed",
        *admitted(choice=KEPT_RESUME),
        *(row for row in OPEN if row.split()[0] in {"expired", "swept", "rejected", "cancelled"}),
    ],
    "closed": closed_to_others("closed", "rejected:no_room"),
    "sales_over": closed_to_others("sales_over", "confirmed"),
    "withdrawn": closed_to_others("withdrawn", "confirmed"),
    "cancelled": [
        *ended("cancelled", "slot_cancelled"),
        f"confirmed conflict repeat ok ok not_changeable:cancelled {STAFF_RESUME} ok confirmed",
        # The organiser called it off: that somebody is inside stands in nobody's way.
        *admitted(cancel="ok", seat="not_changeable:cancelled", seat_of_all="not_changeable:cancelled"),
    ],
    "departed": [
        *ended("departed", "departed"),
        f"confirmed conflict repeat not_cancellable:departed not_changeable:departed not_changeable:departed "
        f"{STAFF_RESUME} ok confirmed",
        *admitted(
            edit="not_changeable:departed", seat="not_changeable:departed", seat_of_all="not_changeable:departed"
        ),
    ],
    # A departure's gate closes before it leaves: until then the customer may still cancel.
    "gate_closed": [
        *ended("gate_closed", "gate_closed"),
        f"confirmed conflict repeat ok not_changeable:gate_closed not_changeable:gate_closed {STAFF_RESUME} ok confirmed",
        *admitted(
            edit="not_changeable:gate_closed",
            seat="not_changeable:gate_closed",
            seat_of_all="not_changeable:gate_closed",
        ),
    ],
    # An entry that has begun admits until its gate closes: what is held may be confirmed, what is confirmed is used.
    "begun": [
        f"on_hold sales_closed:sales_over ok ok ok no_seats {STAFF_RESUME} no confirmed",
        f"expired {EXPIRED} confirmed",
        f"swept {EXPIRED} confirmed",
        f"pending {PENDING} confirmed",
        f"confirmed conflict repeat not_cancellable:begun ok no_seats {STAFF_RESUME} ok confirmed",
        *admitted(seat="no_seats", seat_of_all="no_seats"),
        f"rejected {REJECTED} confirmed",
        f"cancelled {CANCELLED}",
    ],
}

HOLDS = {
    "open": "ok", "delayed": "ok", "moved": "ok", "closed": "sales_closed:closed", "sales_over": "sales_closed:sales_over",
    "withdrawn": "sales_closed:withdrawn", "cancelled": "sales_closed:cancelled", "departed": "sales_closed:departed",
    "gate_closed": "sales_closed:gate_closed", "begun": "sales_closed:sales_over",
}  # fmt: skip
"""What a new hold on the slot comes to."""

STATES: dict[str, Status] = {
    "on_hold": "on_hold", "expired": "expired", "pending": "pending", "confirmed": "confirmed",
    "partly_admitted": "confirmed", "all_admitted": "confirmed", "rejected": "rejected", "cancelled": "cancelled", "swept": "expired",
}  # fmt: skip
"""Each row's state, and the status that it is shown with."""

SEVERAL = {
    # What an order of two comes to when this happened to the slot of its second booking alone.
    "open": ("done", "done"), "delayed": ("done", "done"), "moved": ("done", "slot_changed"), "closed": ("sales_closed:closed", "done"),
    "sales_over": ("sales_closed:sales_over", "done"), "withdrawn": ("sales_closed:withdrawn", "done"),
    "cancelled": ("sales_closed:cancelled", "sales_closed:cancelled"),
    "departed": ("sales_closed:departed", "sales_closed:departed"),
    "gate_closed": ("sales_closed:gate_closed", "sales_closed:gate_closed"),
}  # fmt: skip


STEPS = {
    # The steps of the state machine, and the columns or rows that take them.
    "extend": "extend", "confirm": "confirm", "cancel": "cancel", "pay": "pending", "settle": "settle",
    "decline": "settle", "supersede": "confirm", "abandon": "rejected", "expire": "expired", "retake": "settle", "refuse": "settle",
}  # fmt: skip


STANDS = {"confirmed", "partly_admitted", "all_admitted"}
"""What there is still something to be paid for at the counter, whatever became of its slot, unless it was called off."""


def settled_on_site(condition: str, state: str) -> str:
    staff = "ok" if state in STANDS and condition != "cancelled" else "conflict"
    return f"customer=forbidden|agent={staff}|manager={staff}"


def read_rows(condition: str) -> dict[str, dict[str, str]]:
    rows = [[*row.split(), settled_on_site(condition, row.split()[0])] for row in TABLE[condition]]
    return {row[0]: dict(zip(VERBS, row[1:], strict=True)) for row in rows}


def cell_for(cell: str, role: str) -> str:
    return dict(part.split("=") for part in cell.split("|"))[role] if "=" in cell else cell

"""Pure decisions of the gate: the verdict on an item, what its sentence says, who may undo what."""

import functools
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from booking_api.checkin.schemas import NONCE_PATTERN, Direction
from booking_api.core.errors import DomainError
from booking_api.core.text.cleaning import clean_line
from booking_api.core.texts import pick

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
UNDO_SECONDS = 600
"""How long the agent who scanned may undo it."""


class LaterScan(DomainError):
    code, status, title = "later_scan", 409, "The scan was followed by another one"
    explanation = "Only the last scan that let an item through can be undone. Undo the later one first."


class PresentedItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an item when it is presented. What isn't known yet is as if it were in order."""

    direction: Direction
    now: datetime
    genuine: bool = True
    """The code is a JWT with the signature of a key of this installation; always so for a look-up."""
    known: bool = True
    """The pass was issued by this organisation for an item of a booking that was confirmed."""
    cancelled: bool = False
    """The item, its booking or its slot."""
    revoked: bool = False
    unpaid: bool = False
    gate: str | None = None
    """Where the device stands; None: it didn't say."""
    slot_gate: str | None = None
    serving: object = None
    """The slot that the device is admitting to; None: any."""
    slot: object = None
    admit_from: datetime = BEGINNING
    admit_until: datetime = END
    inside: bool = False
    entries: int = 0
    reentry: bool = False


class Judgement(msgspec.Struct, frozen=True):
    verdict: str
    admit: bool
    overridden: str | None = None
    """The verdict that an override set aside."""


def _entering(facts: PresentedItem) -> bool:
    return facts.direction == "entry"


def same_gate(one: str, other: str) -> bool:
    """Whether two names mean one gate: letters' case and width, blanks and what nobody sees don't count."""
    return one == other or fold_gate(one) == fold_gate(other)


@functools.lru_cache(4096)
def fold_gate(name: str) -> str:
    """The same for each way of writing a gate's name. Accents, hyphens and the order of words do count: gate A and gate
    Ä may be two."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean_line(name)).casefold())


def _at_wrong_gate(facts: PresentedItem) -> bool:
    return facts.gate is not None and facts.slot_gate is not None and not same_gate(facts.gate, facts.slot_gate)


def _used_up(facts: PresentedItem) -> bool:
    return facts.inside or (facts.entries > 0 and not facts.reentry)


VERDICTS: tuple[tuple[str, Callable[[PresentedItem], bool]], ...] = (
    # These two say that what was presented names nobody of ours. So there is nobody whose exit could be recorded, and
    # they hold for exits too; whoever stands there isn't detained by it, the gate only has nothing to write down.
    ("forged", lambda facts: not facts.genuine),
    ("unknown", lambda facts: not facts.known),
    # Whoever is known may always leave: cancelled, revoked, unpaid, late, at another gate, or never seen coming in.
    ("exited", lambda facts: not _entering(facts)),
    # What follows decides about letting in.
    ("cancelled", lambda facts: facts.cancelled),
    ("revoked", lambda facts: facts.revoked),
    ("unpaid", lambda facts: facts.unpaid),
    ("wrong_gate", _at_wrong_gate),
    ("wrong_slot", lambda facts: facts.serving is not None and facts.serving != facts.slot),
    ("too_early", lambda facts: facts.now < facts.admit_from),
    ("expired", lambda facts: facts.now >= facts.admit_until),
    ("already_used", _used_up),
    ("admitted", lambda facts: True),  # noqa: ARG005 - the last row of the table holds for everybody
)
"""The first that holds is the verdict. The window is half open, as `nbf` and `exp` of a JWT are."""

LETTING_THROUGH = {"admitted", "exited"}
NEVER_OVERRIDDEN = {"forged", "unknown", "revoked"}
REFUSES_PARTY = NEVER_OVERRIDDEN
"""A pass with such a verdict proves nothing, so that nobody else of the booking gets in with it either."""


def judge(facts: PresentedItem, *, override: bool = False) -> Judgement:
    """The verdict. An override lets in against it, unless the pass itself is worth nothing."""
    verdict = next(name for name, holds in VERDICTS if holds(facts))
    if verdict in LETTING_THROUGH:
        return Judgement(verdict, True)
    if override and verdict not in NEVER_OVERRIDDEN:
        return Judgement("admitted", True, verdict)
    return Judgement(verdict, False)


def may_undo_own(scanned_at: datetime, now: datetime) -> bool:
    """Whether a scan is recent enough to be undone by the agent who made it."""
    return now - scanned_at <= timedelta(seconds=UNDO_SECONDS)


def is_minor(max_age: int | None) -> bool:
    """Whether who is at most that old, if a unit says so at all, is no adult."""
    return max_age is not None and max_age < ADULT_AGE


def is_nonce(text: str) -> bool:
    """Whether a scan can have this nonce."""
    return re.search(NONCE_PATTERN, text) is not None and not text.endswith("\n")


# sentences --------------------------------------------------------------------------------------------------------

REASONS: dict[str, dict[str, str]] = {
    "forged": {"en": "This is not a genuine pass.", "de": "Das ist kein echter Pass."},
    "unknown": {"en": "This pass is not known here.", "de": "Dieser Pass ist hier nicht bekannt."},
    "cancelled": {"en": "The booking was cancelled.", "de": "Die Buchung wurde storniert."},
    "revoked": {
        "en": "A newer pass exists. Ask for the current one.",
        "de": "Es gibt einen neueren Pass. Bitte den aktuellen zeigen lassen.",
    },
    "unpaid": {"en": "Not paid yet.", "de": "Noch nicht bezahlt."},
    "wrong_gate": {"en": "Wrong gate. It is gate {gate}.", "de": "Falscher Eingang. Richtig ist {gate}."},
    "wrong_slot": {
        "en": "Not for this time. The booking is for {starts}.",
        "de": "Nicht für diesen Termin. Gebucht ist {starts}.",
    },
    "too_early": {"en": "Too early. Admission opens at {opens}.", "de": "Zu früh. Einlass ist ab {opens}."},
    "expired": {"en": "Too late. Admission ended at {closes}.", "de": "Zu spät. Einlass war bis {closes}."},
    "already_used": {"en": "Already admitted at {last}.", "de": "Schon eingelassen um {last}."},
    "exited": {"en": "Out.", "de": "Ausgang erfasst."},
    # Of records from when an exit without a known entry was refused; no verdict any more.
    "not_inside": {"en": "Not inside.", "de": "Ist nicht drinnen."},
    "admitted": {"en": "Admitted.", "de": "Einlass."},
}
NOTICES: dict[str, dict[str, str]] = {
    "amount_due": {"en": "An amount is due on site.", "de": "Vor Ort ist noch ein Betrag offen."},
    "overridden": {"en": "Let through by an override.", "de": "Auf Anweisung durchgelassen."},
    "entry_unknown": {"en": "No entry is on record.", "de": "Es ist kein Eintritt erfasst."},
    "reentry": {"en": "Was here before.", "de": "War schon einmal hier."},
    "minor": {
        "en": "A minor: check the age, at most {age} on {date}.",
        "de": "Minderjährig: bitte das Alter prüfen, höchstens {age} am {date}.",
    },
    "companion": {"en": "Travels in an adult's care.", "de": "Reist in Begleitung eines Erwachsenen."},
    "name_missing": {"en": "No name was given.", "de": "Es wurde kein Name angegeben."},
}
ADULT_AGE = 18
"""In full years on the slot's local date, as a unit's ages are."""


def names_values(verdict: str) -> bool:
    """Whether the sentence of a verdict has places to fill, the same in every language."""
    return "{" in REASONS[verdict]["en"]


def reason(verdict: str, language: str, **values: str) -> str:
    """The sentence of a verdict in one of our languages; `values` fill its places."""
    return pick(REASONS[verdict], (language,)).format(**values)

"""The test provider's memory: charges, refunds and webhooks, in a file that survives a SIGKILL.

Each change is one line of JSON appended to the file; the last line of a thing counts. Opening the file writes it anew
with one line for each thing, which also drops a last line that was cut short.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from booking_api.core.clock import utc_now
from booking_api.core.ids import new_id

REDIRECT_SECONDS = 900
"""How long a customer may take on the page of the second step."""
DECLINES = {"tok_decline": "card_declined", "tok_insufficient": "insufficient_funds"}
LATE = {"tok_late": None, "tok_late_decline": "card_declined"}
REFUND_RETURNED = "tok_refund_returned"
"""What is given back first comes back from the customer's bank after a while."""
PAYS = {
    "tok_ok", "tok_timeout", "tok_error", "tok_refund_fails", "tok_refund_late", "tok_refund_late_fails", REFUND_RETURNED,
}  # fmt: skip
STUCK = "tok_stuck"
"""A charge that stays undecided, as with a bank that doesn't answer its provider."""
REFUND_LATE = {"tok_refund_late", "tok_refund_late_fails"}
REFUND_FAILS_ONCE = {"tok_refund_fails", "tok_refund_late_fails"}
UNDECIDED = {"processing", "requires_action"}
EVERY_NTH_WEBHOOK_TWICE = 3


class ChargeRecord(msgspec.Struct, kw_only=True):
    """A charge. Times are seconds since 1970, amounts minor units."""

    id: str
    key: str
    amount: int
    currency: str
    token: str
    status: str
    metadata: dict[str, str]
    return_url: str | None = None
    error: str | None = None
    redirect_until: float | None = None
    settles_at: float | None = None
    """When a late charge is decided: it fails if it has a `late_error`, else it succeeds."""
    late_error: str | None = None
    refunded: int = 0
    created_at: float


class ProviderRefund(msgspec.Struct, kw_only=True):
    id: str
    key: str
    charge_key: str
    amount: int
    status: str
    error: str | None = None
    metadata: dict[str, str] = {}
    settles_at: float | None = None
    """When one that takes its time is decided."""
    returns_at: float | None = None
    """When the customer's bank returns the money."""


class WebhookDelivery(msgspec.Struct, kw_only=True):
    """A webhook that is to be delivered. `copies` left to send; 0 once it is done."""

    id: str
    body: str
    deliver_at: float
    attempts: int = 0
    copies: int = 1


class Line(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One line of the file; one of its fields is set."""

    charge: ChargeRecord | None = None
    refund: ProviderRefund | None = None
    message: WebhookDelivery | None = None


class Books:
    """All that the provider knows. Its methods don't await, so each is atomic within the server's loop."""

    def __init__(self, path: Path | None = None, *, late_seconds: float = 3.0) -> None:
        self.late_seconds = late_seconds
        self.charges: dict[str, ChargeRecord] = {}
        self._undecided: dict[str, ChargeRecord] = {}
        self._keys: dict[str, str] = {}
        """A charge's id → its key."""
        self.refunds: dict[str, ProviderRefund] = {}
        self._open_refunds: set[str] = set()
        """The keys of those of which something is still to become."""
        self.messages: dict[str, WebhookDelivery] = {}
        self._messages_made = 0
        self._file = None
        if path is not None:
            self._load(path)
            self._file = path.open("ab")

    def _load(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for raw in path.read_bytes().splitlines():
                try:
                    line = msgspec.json.decode(raw, type=Line)
                except msgspec.MsgspecError:
                    continue
                self._apply(line)
        fresh = path.with_suffix(path.suffix + ".new")
        with fresh.open("wb") as file:
            for line in self._lines():
                file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def _apply(self, line: Line) -> None:
        if line.charge:
            self.charges[line.charge.key] = line.charge
            self._keys[line.charge.id] = line.charge.key
            if line.charge.status in UNDECIDED:
                self._undecided[line.charge.key] = line.charge
            else:
                self._undecided.pop(line.charge.key, None)
        elif line.refund:
            self.refunds[line.refund.key] = line.refund
            if line.refund.status == "processing" or line.refund.returns_at is not None:
                self._open_refunds.add(line.refund.key)
            else:
                self._open_refunds.discard(line.refund.key)
        elif line.message:
            self.messages[line.message.id] = line.message
            if line.message.copies <= 0:
                del self.messages[line.message.id]

    def _lines(self) -> Iterator[Line]:
        yield from (Line(charge=charge) for charge in self.charges.values())
        yield from (Line(refund=refund) for refund in self.refunds.values())
        yield from (Line(message=message) for message in self.messages.values())

    def write(self, *lines: Line) -> None:
        """Remembers changes, in one write, so that a charge is never known without its webhook."""
        for line in lines:
            self._apply(line)
        if self._file is not None:
            self._file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def charge(
        self, key: str, amount: int, currency: str, token: str, return_url: str | None, metadata: dict[str, str]
    ) -> ChargeRecord:
        """Charges once for each key. Raises `ValueError` for a key that was used with another amount."""
        if (known := self.find(key)) is not None:
            if known.amount and (known.amount, known.currency) != (amount, currency):
                raise ValueError("the key was used with another amount")
            return known
        now = utc_now().timestamp()
        charge = ChargeRecord(
            id=f"ch_{new_id().hex}", key=key, amount=amount, currency=currency, token=token, status="processing",
            metadata=metadata, return_url=return_url, created_at=now,
        )  # fmt: skip
        if token == "tok_redirect":  # noqa: S105 - a name, no secret
            charge.status, charge.redirect_until = "requires_action", now + REDIRECT_SECONDS
            self.write(Line(charge=charge))
        elif token == STUCK:
            self.write(Line(charge=charge))
        elif token in LATE:
            charge.settles_at, charge.late_error = now + self.late_seconds, LATE[token]
            self.write(Line(charge=charge))
        else:
            self.settle(charge, None if token in PAYS else DECLINES.get(token, "unknown_token"))
        return charge

    def find(self, key: str) -> ChargeRecord | None:
        """A charge as it is now: what has become due by the clock is decided first."""
        charge = self.charges.get(key)
        if charge is not None:
            now = utc_now().timestamp()
            if charge.status == "processing" and charge.settles_at is not None and charge.settles_at <= now:
                self.settle(charge, charge.late_error)
            elif charge.status == "requires_action" and (charge.redirect_until or 0) <= now:
                self.settle(charge, "authentication_expired")
        return charge

    def find_by_id(self, charge_id: str) -> ChargeRecord | None:
        return self.find(self._keys.get(charge_id, ""))

    def settle_due(self) -> None:
        """Decides the late charges and refunds whose time has come."""
        for key in list(self._undecided):
            self.find(key)
        for key in list(self._open_refunds):
            self.find_refund(key)

    def settle(self, charge: ChargeRecord, error: str | None) -> None:
        """Ends a charge and remembers to tell its owner."""
        charge.status, charge.error = ("failed", error) if error else ("succeeded", None)
        self.write(Line(charge=charge), Line(message=self._message_about(charge)))

    def cancel(self, key: str) -> ChargeRecord:
        """Cancels what isn't decided. A key that was never charged is remembered, so that it never will be."""
        charge = self.find(key)
        if charge is None:
            # XXX is ISO 4217's code for "no currency": nobody ever said which one it was to be.
            charge = ChargeRecord(
                id=f"ch_{new_id().hex}", key=key, amount=0, currency="XXX", token="", status="cancelled", metadata={},
                error="cancelled", created_at=utc_now().timestamp(),
            )  # fmt: skip
            self.write(Line(charge=charge))
        elif charge.status in UNDECIDED and charge.token != STUCK:
            charge.status, charge.error = "cancelled", "cancelled"
            self.write(Line(charge=charge), Line(message=self._message_about(charge)))
        return charge

    def refund(self, key: str, charge_key: str, amount: int, metadata: dict[str, str] | None = None) -> ProviderRefund:
        """Gives back a part of a charge, once for each key; `failed` for more than is left of it."""
        if (known := self.find_refund(key)) is not None:
            return known
        charge = self.find(charge_key)
        refund = ProviderRefund(
            id=f"re_{new_id().hex}", key=key, charge_key=charge_key, amount=amount, status="processing",
            metadata=metadata or {},
        )  # fmt: skip
        if charge is not None and charge.token in REFUND_LATE:
            refund.settles_at = utc_now().timestamp() + self.late_seconds
            self.write(Line(refund=refund))
        else:
            self._decide_refund(refund)
        return refund

    def find_refund(self, key: str) -> ProviderRefund | None:
        """A refund as it is now."""
        refund = self.refunds.get(key)
        now = utc_now().timestamp()
        if refund is not None and refund.status == "processing" and (refund.settles_at or 0) <= now:
            self._decide_refund(refund)
        elif refund is not None and refund.returns_at is not None and refund.returns_at <= now:
            self.take_back(refund)
        return refund

    def take_back(self, refund: ProviderRefund) -> None:
        """The customer's bank returns what was given back: it has failed after all."""
        charge = self.charges[refund.charge_key]
        refund.status, refund.error, refund.returns_at = "failed", "returned", None
        charge.refunded -= refund.amount
        self.write(Line(refund=refund), Line(charge=charge), Line(message=self._message_of(refund)))

    def _decide_refund(self, refund: ProviderRefund) -> None:
        charge = self.find(refund.charge_key)
        is_first = all(other.charge_key != refund.charge_key or other is refund for other in self.refunds.values())
        if (
            charge is None
            or charge.status != "succeeded"
            or not 0 < refund.amount <= charge.amount - charge.refunded
            or (charge.token in REFUND_FAILS_ONCE and is_first)
        ):
            refund.status, refund.error = "failed", "refused"
            lines = [Line(refund=refund)]
        else:
            refund.status = "succeeded"
            if charge.token == REFUND_RETURNED and is_first:
                refund.returns_at = utc_now().timestamp() + self.late_seconds
            charge.refunded += refund.amount
            lines = [Line(refund=refund), Line(charge=charge)]
        if refund.settles_at is not None:
            # Whoever asked was told that it takes its time.
            lines.append(Line(message=self._message_of(refund)))
        self.write(*lines)

    def _message_about(self, charge: ChargeRecord) -> WebhookDelivery:
        return self._message({"type": "charge.updated", "charge": describe(charge)})

    def _message_of(self, refund: ProviderRefund) -> WebhookDelivery:
        return self._message({"type": "refund.updated", "refund": refund})

    def _message(self, document: dict[str, Any]) -> WebhookDelivery:
        self._messages_made += 1
        body = msgspec.json.encode(document).decode()
        copies = 2 if self._messages_made % EVERY_NTH_WEBHOOK_TWICE == 0 else 1
        return WebhookDelivery(id=f"msg_{new_id().hex}", body=body, deliver_at=utc_now().timestamp(), copies=copies)


def describe(charge: ChargeRecord, base_url: str = "") -> dict[str, Any]:
    """A charge as answers and webhooks show it."""
    shown: dict[str, Any] = {
        "id": charge.id, "key": charge.key, "status": charge.status, "amount": charge.amount,
        "currency": charge.currency, "refunded": charge.refunded, "metadata": charge.metadata,
    }  # fmt: skip
    if charge.error:
        shown["error"] = charge.error
    if charge.status == "requires_action" and charge.redirect_until is not None:
        expires_at = datetime.fromtimestamp(charge.redirect_until, UTC)
        shown["next_action"] = {"type": "redirect", "url": f"{base_url}/redirect/{charge.id}", "expires_at": expires_at}
    return shown

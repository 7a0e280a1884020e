"""Every text, JSON, bytes and search column, and what becomes of a person in it. `tests/persons` reads the schema beside this.

What is `NOT` personal never holds what somebody said about themselves: codes, names of things, ids, digests.
`KEPT` names the law. Everything else says what erases it.
"""

NOT = "not personal"
VISIT = "erased after the visit by `bookings.apply_retention`, and with the person"
FEEDBACK = "the text is erased after the visit by `bookings.apply_retention`, and with the person"
REASON = "erased after the visit by `checkin.erase_reasons`, and with the person"
TWO_DAYS = "deleted or emptied after two days, and with the person where it is theirs"
ANSWER = "deleted after two days, and erased with the person whom it tells of, whoever asked"
SEALED = "a contact only, encrypted with the master secret; leaves whole with its partition after 30 days"
JOB = "deleted when the job is done; what is personal in it is encrypted with the master secret"
DEVICE = "deleted with the session, and with the person"
STAFF = "KEPT: whoever acted for the organisation, for as long as what they did is kept (commercial law)"
SETTLED = "erased when the payment is settled; an older link back into an app after the visit, and with the person"
MONEY = "KEPT: records of payments for the tax law's time; names nobody"

COLUMNS: dict[str, dict[str, str]] = {
    "api_key": dict.fromkeys(("kind", "name", "channel", "scopes", "hint", "secret_hash"), NOT),
    "attendance": {"last_scan_nonce": NOT},
    "audit": dict.fromkeys(("action", "actor_kind", "object_type", "reason_code", "request_id"), NOT),
    "booking": {
        **dict.fromkeys(("reference", "status", "status_reason", "channel"), NOT),
        "price": MONEY, "contact": VISIT, "answers": VISIT, "cancel_reason": VISIT,
        "name_words": VISIT, "slot_change": NOT,
    },
    "booking_order": {
        **dict.fromkeys(("status", "status_reason", "channel"), NOT), "address_digest": VISIT, "contact_digest": VISIT,
    },
    "customer": {**dict.fromkeys(("name", "email", "phone"), VISIT), "locale": NOT},
    "event": {"type": NOT, "data": SEALED},
    "feedback": {**dict.fromkeys(("step", "kind", "channel"), NOT), "text": FEEDBACK},
    "feedback_asked": dict.fromkeys(("step", "kind", "channel"), NOT),
    "feedback_prompt": dict.fromkeys(("step", "kind", "question"), NOT),
    "idempotency_key": {"key_hash": NOT, "fingerprint": NOT, "body": ANSWER},
    "item": {"change_reason": VISIT, "after_admission": NOT, "name": VISIT, "name_words": VISIT, "seat": NOT, "answers": VISIT, "status": NOT},
    "mailbox": dict.fromkeys(("recipient", "subject", "body"), TWO_DAYS),
    "organisation": dict.fromkeys(("name", "time_zone", "currency", "locale", "country"), NOT),
    "pass": {"kid": NOT, "code": NOT},
    "payment_intent": {
        **dict.fromkeys(("currency", "provider", "status", "provider_reference", "error_code"), MONEY),
        "token": SETTLED, "return_url": SETTLED, "next_action": SETTLED, "token_digest": NOT,
    },
    "place": dict.fromkeys(("code", "name", "name_folded", "words", "time_zone", "address"), NOT),
    "product": dict.fromkeys(("code", "kind", "words"), NOT),
    "product_version": {"definition": NOT},
    "refund": dict.fromkeys(
        ("currency", "reason", "status", "provider_reference", "failure_code", "settled_method"), MONEY
    ),
    "scan": {
        **dict.fromkeys(("nonce", "request_hash", "gate", "direction", "verdict"), NOT),
        "override_reason": REASON, "answer": TWO_DAYS,
    },
    "scan_archive": {
        **dict.fromkeys(("nonce", "request_hash", "gate", "direction", "verdict", "outcomes"), NOT),
        "override_reason": REASON,
    },
    "scan_outcome": dict.fromkeys(("nonce", "verdict", "nonce_before"), NOT),
    "seat_claim": {"seat": NOT},
    "seat_layout": {"code": NOT, "layout": NOT},
    "session": {**dict.fromkeys(("kind", "channel", "opened_by", "address_digest"), NOT), "device": DEVICE},
    "settlement": dict.fromkeys(("method", "currency"), MONEY),
    "signing_key": dict.fromkeys(("kid", "private_key_encrypted", "public_key"), NOT),
    "single_use_code": dict.fromkeys(("code_hash", "purpose", "address_digest"), NOT),
    "slot": dict.fromkeys(
        ("code", "kind", "time_zone", "end_time_zone", "status", "gate", "resource", "delay_note"), NOT
    ),
    "staff": {"name": STAFF, "email": STAFF, "role": NOT},
    "tombstone": {"type": NOT},
    "pgqueuer": {**dict.fromkeys(("entrypoint", "dedupe_key", "headers"), NOT), "payload": JOB},
    "pgqueuer_log": {"entrypoint": NOT, "traceback": NOT},
    "pgqueuer_schedules": {"expression": NOT, "entrypoint": NOT},
    "pgqueuer_statistics": {"entrypoint": NOT},
    "schema_migrations": {"version": NOT},
}  # fmt: skip
"""Table → column → what it is. Partitions are as their table."""

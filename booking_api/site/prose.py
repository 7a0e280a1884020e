"""The reference's own words: what holds for every call, and what each capability is about."""

from booking_api import __version__
from booking_api.capabilities import all_tags
from booking_api.site.openapi import Prose

DESCRIPTION = """\
From "I need to go" to "I'm in", on a phone alone: find a departure, an entry window or an appointment, hold it, give
the details, pay, carry a QR pass, be admitted at the gate, and say how it went.

A first-time guest needs three requests: `GET /v1/availability`, `POST /v1/orders`, `POST /v1/orders/{order_id}/confirm`.
Who knows the slot needs one: `POST /v1/bookings` with `confirm: true`.

## Who calls

Every call but the public ones carries `Authorization: Bearer …` with one of four credentials.

| caller | credential | may |
|---|---|---|
| an app before anyone is known | publishable key `pk_test_…`, `pk_live_…` | read the catalogue and availability, start an order |
| a customer, guest or known | access token | see and change their own things |
| staff | access token with a role: `agent`, `manager`, `owner` | work the gate, look up and help; from `manager` up see summaries and set things up |
| an integrator | secret key `sk_test_…`, `sk_live_…` | whatever its scopes name |

The first order under a publishable key answers with `access_token`, `access_token_expires_at` and `refresh_token`:
the app goes on with these. Access tokens are short-lived; `POST /v1/tokens` renews them. The old refresh token works
until its successor is first used, so that a lost answer locks nobody out.

Somebody else's thing is 404, never 403. Test and live organisations are separate worlds.

## Repeating safely

Phones lose answers. Send an `Idempotency-Key` with every unsafe call, a new random UUID for each thing the user
wants, and repeat the very same request with the same key until an answer comes. The answer is kept for at least 24
hours and replayed with `Idempotency-Replayed: true`. Another body under the same key is 422 `idempotency_mismatch`;
while the first try is still under way it is 409 `idempotency_in_progress` with `Retry-After`.

Refusals aren't kept, so they may be tried again with the same key; a declined payment is, because it changed
something. A body's own `id` serves as key where the header is absent. Repeating a confirm or cancel that is done is 200.

## Errors

Each one is `application/problem+json` (RFC 9457). **Branch on `code`**; `title` and `detail` are for people, and
`type` is the address of a page that explains the code. `retryable` says whether the very same request can succeed
later. For bad input `errors` has a JSON pointer for each field. Some codes carry more: `sold_out` brings
`alternatives`, `price_changed` the new `price`.

Any call may also meet 404 (no such path), 405 (no such method), 413 (a body over 256 KiB, or over 2 MiB where the
catalogue is written), 414 (an address over 8 KiB) or 431 (over 64 headers, or 32 KiB of them), in the same form. What
isn't HTTP, or is far larger still, doesn't get that far: it is refused with 400, 414 or 431 and no body.

## Trying payments

In a test organisation the method `test` pays at a provider that is part of the server. The token says what becomes of it:

| token | happens |
|---|---|
| `tok_ok` | pays |
| `tok_decline`, `tok_insufficient` | is declined |
| `tok_redirect` | asks the customer on a page of its own: `payment.next_action` |
| `tok_late`, `tok_late_decline` | is `pending`, and pays or declines a few seconds later |
| `tok_timeout` | charges and doesn't answer; the server finds out by itself |
| `tok_error` | fails once before it charges, and pays at the next try |
| `tok_stuck` | never decides, and can't be cancelled there |
| `tok_refund_fails`, `tok_refund_late`, `tok_refund_late_fails`, `tok_refund_returned` | pays; what is given back later fails once, takes a few seconds, takes them and fails, or comes back from the bank |

## Growing

`/v1` only ever grows: new members, new operations, new values. Ignore members you don't know. **Enumerations in answers
are open** (`x-extensible-enum`): survive values you don't know. Enumerations in requests are closed, and unknown
members there are refused, so that a typing mistake can't go unnoticed. A removal is announced six months ahead with
`Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

## Forms

JSON, `snake_case`, UTF-8. Times are RFC 3339 with an offset. Money is in minor units with its currency:
`{"amount": 1990, "currency": "EUR"}` is 19.90 €. Ids are UUIDs. A `?` in this reference marks what may be absent;
the server leaves out what it doesn't have rather than sending `null`, unless the schema says `null`.

**Clocks.** Phones are wrong about the time. Every answer has a fresh `Date`: count down from `expires_at` minus `Date`.

**Languages.** `Accept-Language` chooses, `Content-Language` says which it was, of refusals too.

**Texts** are cleaned on entry: NFC, trimmed, without controls and without what nobody sees; what is left without a
visible character is missing. Limits count what people see: a family emoji is one. Names are found by the beginnings of
their words; case, marks, apostrophes, blanks and the order of words don't matter, and Müller, Mueller and Muller are
one. Phone numbers are kept as E.164, and domains of mail addresses as ASCII.

**Repeats.** A key or an id belongs to what was said with it, not to its bytes: the order of members, white space and
escapes don't count. A member that is absent is another thing than one that is `null`.

**Lists** are `{"items": […], "next_cursor"?}`. Send `next_cursor` back as `cursor` for the next page; `limit` is 1 to
200, by default 50.

**Caching.** Answers that don't depend on the minute have an `ETag`: send it as `If-None-Match` and save the bytes. A
booking's `ETag` is its version: send it as `If-Match` and never overwrite what you haven't seen. HEAD works wherever
GET does.

**Limits** count per token first, then per key. `RateLimit` says what is left; 429 says in `Retry-After` when to come
back.

**Browsers.** A page of any origin may call, and read, whatever an app or a customer may (CORS; there are no cookies),
refusals and event streams included. A publishable key can be bound to origins, or to apps that name themselves in the
header `App-Id`: then others are refused. What only staff and secret keys may call is closed to pages.

**What next?** `available_actions` of an order, booking, slot, product and most other things says what may be done with
it now. Show these; don't re-implement the rules.
"""


def prose() -> Prose:
    return Prose(
        title="Booking API",
        version=__version__,
        summary="From search to the gate on a phone alone.",
        description=DESCRIPTION,
        tags={tag.name: tag.about for tag in all_tags()},
    )

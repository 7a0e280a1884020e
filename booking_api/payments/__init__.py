"""Money: what is to be paid for an order, what a payment provider made of it, what goes back, what was paid on site.

Tables: `payment_intent`, `refund`, `settlement`. Events: `payment.settled` {order_id, intent_id, status, late} when an
intent succeeds, fails or is cancelled (`late` when it succeeded after it had been given up); `refund.settled`,
`refund.failed`, also of one that had succeeded, and `refund.retried` {order_id, booking_id, intent_id, refund_id, status}.
Invariants: an intent is committed before its provider is called and its id is the idempotency key of every call, so
nobody is charged twice; an intent is given up only once its provider confirms that nothing was charged; refunds never
exceed what was paid, and none is given back anew before the provider was asked about its earlier tries; no call is made inside a transaction; a payment token is erased once its intent is settled.
"""

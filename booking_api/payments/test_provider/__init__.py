"""A small HTTP server that plays a payment provider, for the demo and the tests.

It keeps its own books and knows nothing of this project's database: the API speaks to it as to a stranger's service,
through `booking_api.payments.providers.test`. It takes no real money and must not be reachable from outside.

Tokens: `tok_ok` pays, `tok_decline` and `tok_insufficient` don't, `tok_redirect` asks the customer on a page of its
own, `tok_late` and `tok_late_decline` decide a few seconds later and say so by webhook, `tok_timeout` charges and
then doesn't answer, `tok_error` fails once before it charges. `tok_stuck` never decides and can't be cancelled.
`tok_refund_fails` pays, and of what is given back of it the first try fails; with `tok_refund_late` it takes a few
seconds, and with `tok_refund_late_fails` it takes them and then fails, the first time. With `tok_refund_returned` the
first refund succeeds, and comes back from the customer's bank after these seconds.
"""

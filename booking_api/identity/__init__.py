"""Who somebody is: organisations, API keys, staff, customers' sessions and tokens, single-use codes, signing keys.

Tables: `organisation`, `api_key`, `staff`, `customer`, `session`, `single_use_code`, `signing_key`, `mailbox`.
Events: `recovery.requested`. Invariants: a bearer secret is stored as a digest only and shown once; a private key is
stored encrypted only; a credential belongs to one organisation for ever; an organisation that has an owner keeps one;
it has at most one signing key that isn't retired.
"""

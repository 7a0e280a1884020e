"""Webhooks: what happened is sent to servers of an organisation, signed as Standard Webhooks has it.

Tables: `webhook_endpoint`, `webhook_delivery`. Events: `webhook.paused`, `webhook.tested`.
Invariants: an event that is public has one delivery for each endpoint that wants it, made in the transaction in which it
is relayed; of one order key nothing is sent while something earlier waits; no payload is stored, it is made when it is
sent; an endpoint that is paused loses nothing for 30 days, and whoever is responsible is told.
"""

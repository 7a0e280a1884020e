"""What every capability stands on and what knows no capability itself.

Owns the tables `event`, `idempotency_key` and `worker_heartbeat`. Invariants: a request runs in at most one
transaction at a time, an idempotent answer is stored in the transaction that it describes, and an event is
published in the transaction that it reports.
"""

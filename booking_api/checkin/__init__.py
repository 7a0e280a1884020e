"""The gate, online: scans and their verdicts, who is inside, undoing, looking people up, counting.

Tables: `scan`, `scan_outcome`, `attendance`. Events: none.
Invariants: each scan is recorded once under its nonce, refusals included, and never erased; a booking's lock
serialises the scans of its items, so that of many at once exactly one admits; `attendance.last_scan_nonce` names the
last scan that changed it, which is the only one that can be undone.
"""

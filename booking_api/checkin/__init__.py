"""The gate, online: scans and their verdicts, undoing, looking people up, counting.

Tables: `scan`, `scan_outcome`; who is inside is noted by a verb of the passes. Events: none.
Invariants: each scan is recorded once under its nonce, refusals included, and never erased; a booking's lock
serialises the scans of its items, so that of many at once exactly one admits, and keeps them apart from whoever
cancels or changes them; `attendance.last_scan_nonce` names the last scan that changed it, the only one that can be
undone.
"""

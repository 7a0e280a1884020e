"""`booking-api demo`: everything on one machine, started, watched and stopped together.

Owns no table; what it must remember (keys, the master secret) is in one file of its data directory. Invariants: one
demo for one data directory; no process outlives the demo; whatever was killed, the next start works.
"""

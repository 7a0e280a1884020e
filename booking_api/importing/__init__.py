"""Bringing a catalogue in from files, and out again: the documented format, JSON, NDJSON and CSV.

Tables: none; it writes through the verbs of `catalog` and `inventory`, which also decide what is right. Events: none.
Invariants: everything is matched by code, so that an import can be repeated without doubling anything and ids
survive; a bad line is reported with its file and number and the rest goes in; memory doesn't grow with the input.
"""

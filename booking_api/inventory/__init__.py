"""Slots, quotas, claims and seats: offering, taking and giving back. The only writer of capacity.

Tables: `slot`, `quota`, `claim`, `seat_claim`. Events: `slot.changed`, when a slot is changed, by an import where
somebody has claimed it; `slot.holds_unwanted`, when what is held on it is to be given back.
Invariants: `slot.taken` is the sum of the places of the slot's claims, `quota.taken` the sum of their quota places,
neither ever exceeds its capacity, and a seat belongs to one claim. A claim has an opaque holder.
"""

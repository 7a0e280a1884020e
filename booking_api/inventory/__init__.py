"""What is left: slots, quotas, claims and seats; the search for availability; taking and giving back.

Tables: `slot`, `quota`, `claim`, `seat_claim`; `slot_change` and its horizon, the marks of what changed, which every
statement that changes a slot or quota comes with. Events: `slot.changed`, when an import changes a slot that somebody
has claimed.
Invariants: `slot.taken` is the sum of the places of the slot's claims, `quota.taken` the sum of their quota places,
neither ever exceeds its capacity, and a seat belongs to one claim. A claim has an opaque holder.
"""

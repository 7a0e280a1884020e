"""Running the installation: health, readiness, metrics, the doctor, and what is deleted when it is old.

Owns no table. Looks across organisations, which only the installation itself may do: nothing here answers a tenant,
and no answer names one. Invariants: a check changes nothing; what is deleted is deleted in small batches.
"""

"""Turning a migrated database into a distributed one: Citus, by organisation.

Owns no table. What is to be done is read from the database's catalogue, so that no list of tables can go stale; only
the few tables that belong to the installation are named, each with its reason (`rules.LOCAL`). Invariants: nothing is
changed unless the whole schema keeps the rules of docs/adr/0001; each table is moved in a transaction of its own, so
that a run that was cut short is finished by the next one.
"""

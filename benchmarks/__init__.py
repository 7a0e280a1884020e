"""`python -m benchmarks`: how near the hot paths come to PostgreSQL's own limit, measured on this machine.

Run from a clone; it is no part of what is installed. It starts an embedded PostgreSQL and a real `booking-api serve` of
its own, loads data, and runs each operation in turns with pgbench, which runs the same operation's statements one by
one. After every run it proves from the tables that nothing was lost or sold twice.
"""

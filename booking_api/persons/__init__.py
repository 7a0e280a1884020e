"""What is known of one person: exported, erased, and where it can be at all.

Owns no table. Invariant: every column of the schema that could hold a person is declared by the capability that owns it;
an erasure may be repeated, and finds nothing the second time. Money that moved is kept, under ids that name nobody.
"""

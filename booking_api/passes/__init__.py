"""The signed QR document of an item, and who is inside: issuing, revoking, verifying, drawing, entering, leaving.

Tables: `pass`, `pass_revocation`, `attendance`. Events: none; a booking's own events report that its passes changed.
Invariants: an item has at most one current pass; each pass of an item has a later `iat` than the one before, so that
`{item_id, issued_before}` revokes exactly the earlier ones; a pass says nothing that may change or that is personal.
`attendance` has a row for exactly those items that were admitted and whose admission was not undone; `is_news` until
whoever shows the item was told.
"""

"""The signed QR document of an item: issuing, revoking, verifying, drawing.

Tables: `pass`. Events: none; a booking's own events report that its passes changed.
Invariants: an item has at most one live pass; each pass of an item has a later `iat` than the one before, so that
`{item_id, issued_before}` revokes exactly the earlier ones; a pass says nothing that may change or that is personal.
"""

"""What people and tools read about the API: the OpenAPI document, the reference, a page for each refusal.

Tables: none. Events: none. Invariants: every page is made from the code that it describes, once, and is whole by
itself: it loads nothing from anywhere.
"""

"""What there is to book: the search, the calendar, single slots with their seats, and alternatives.

Owns no table and changes nothing. Places and prices are those of the statement that answers; kept is only what follows
from documents that never change, and never how many places are left. One's own hold counts as taken and never hides
its slot.
"""

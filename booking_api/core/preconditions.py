"""What a request that writes a whole thing presupposes of the one that is there."""

import msgspec

from booking_api.core.errors import VersionConflict


class Precondition(msgspec.Struct, frozen=True):
    """`If-Match` and `If-None-Match: *` of a PUT. Nothing is presupposed where neither is sent."""

    revisions: frozenset[int] | None = None
    """Any of which will do; None: whichever it has."""
    must_exist: bool = False
    must_be_new: bool = False

    def check(self, revision: int | None, *, same: bool = False) -> None:
        """Raises `VersionConflict` where it isn't so. `revision` is that of what is there, None for nothing.

        `same` says that nothing would be another than it is: a repeat whose answer was lost isn't refused for its own
        success. What is to be new is refused all the same, for it isn't new.
        """
        if self.must_be_new and revision is not None:
            raise VersionConflict("There is one under this code already.")
        if same:
            return
        if self.must_exist and revision is None:
            raise VersionConflict("There is none to be changed.")
        if self.revisions is not None and revision not in self.revisions:
            raise VersionConflict

"""Orders and bookings: hold, extend, confirm, change of details, cancel, expire; sync and stream.

Tables: `booking_order`, `booking`, `item`, `tombstone`. Events: `booking.held`, `booking.confirmed`,
`booking.changed`, `booking.cancelled`, `booking.expired`, `booking.rejected`, `refund.due_on_site`.
Invariants: a booking that is on hold, pending or confirmed has exactly one claim, any other has none; all bookings
of an order are held together or not at all; the order's row is locked before anything of it changes.
"""

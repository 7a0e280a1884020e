"""The verbs of orders and bookings, one file each."""

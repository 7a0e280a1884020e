"""`python -m booking_api` is `booking-api`."""

from booking_api.cli import app

app()

"""A mobile-first booking and self-service API: search, hold, pay, pass, scan, feedback."""

from importlib.metadata import version

__version__ = version("booking-api")

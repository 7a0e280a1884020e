"""Which migrations this program brings; `booking_api.run.migrate` applies them."""

from pathlib import Path

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def latest_migration() -> str:
    """The version of the newest migration that this program brings; dbmate stores it in `schema_migrations`."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("*.sql"))

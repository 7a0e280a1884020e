"""What there is to try: an organisation with keys and a manager, a timetable, the questions of the feedback."""

from datetime import datetime
from typing import Any

from booking_api.core.clock import utc_now
from booking_api.core.context import Organisation
from booking_api.core.db import open_pool
from booking_api.core.log import log
from booking_api.core.process import check_secret
from booking_api.core.settings import Settings
from booking_api.feedback.prompts import add_prompts, default_prompts
from booking_api.identity import operations as identity
from booking_api.identity import queries as identity_queries
from booking_api.identity import tokens
from booking_api.identity.schemas import NewOrganisation
from booking_api.importing.schemas import Progress
from booking_api.run.demo.offer import load_demo
from booking_api.run.demo.state import DemoState, StateFile

NAME, TIME_ZONE, CURRENCY, LOCALE = "Booking API demo", "America/New_York", "USD", "en"
STATEMENT_SECONDS = 120.0
"""For a batch of thousands of rows, on a machine that may be busy starting everything else."""
MANAGER_EMAIL = "manager@example.org"


async def prepare_content(settings: Settings, remembered: StateFile, state: DemoState, progress: Progress) -> str:
    """Makes what is missing and remembers it; the manager's token, minted anew."""
    pool = await open_pool(settings, size=3, name="booking-api-demo", statement_seconds=STATEMENT_SECONDS)
    try:
        now = utc_now()
        async with pool.acquire() as connection:
            db: Any = connection
            org = state.org_id and await identity_queries.find_organisation(db, state.org_id)
            if not org:
                async with db.transaction():
                    org = await _add_organisation(db, state, now)
                    # Before the commit: keys without an organisation are made anew, the other way round they are lost.
                    remembered.write(state)
        loaded = await load_demo(pool, org, now, progress)
        if loaded.problem_count:  # Somebody changed what is there so that it doesn't fit any more; the rest works.
            log.warning("demo.left_out", lines=loaded.problem_count, first=str(loaded.problems[0]))
    finally:
        await pool.close()
    assert state.staff_id is not None
    minted = tokens.mint(check_secret(settings), settings, org, "staff", state.staff_id, now, role="manager")
    return minted.access_token


async def _add_organisation(db: Any, state: DemoState, now: datetime) -> Organisation:
    new = NewOrganisation(name=NAME, time_zone=TIME_ZONE, currency=CURRENCY, locale=LOCALE, live=False)
    keys = await identity.add_organisation(db, new, now)
    org = await identity_queries.find_organisation(db, keys.org_id)
    assert org is not None
    await add_prompts(db, org.org_id, default_prompts(), now)
    manager = await identity.add_staff(db, org, "Demo manager", MANAGER_EMAIL, "manager", now)
    state.org_id, state.publishable_key, state.secret_key = keys.org_id, keys.publishable_key, keys.secret_key
    state.staff_id = manager.id
    return org

"""The context in which jobs and commands act for an organisation, without anybody asking."""

from uuid import UUID

from booking_api.core.clock import utc_now
from booking_api.core.context import Caller, Context
from booking_api.core.db import Connection
from booking_api.core.ids import new_id
from booking_api.core.runtime import Runtime
from booking_api.core.texts import OURS
from booking_api.identity import queries


async def system_context(runtime: Runtime, db: Connection, org_id: UUID) -> Context | None:
    """A context of the system itself; None when the organisation no longer exists."""
    org = await queries.find_organisation(db, org_id)
    if org is None:
        return None
    language = org.locale.split("-")[0].lower()
    return Context(
        db=db,
        org=org,
        caller=Caller(kind="system", credential_id=new_id()),
        now=utc_now(),
        settings=runtime.settings,
        vault=runtime.vault,
        caches=runtime.caches,
        base_url=runtime.settings.base_url.rstrip("/"),
        language=language if language in OURS else "en",
        languages=(language,),
    )

"""What owners decide for the organisation, and read of the audit."""

from typing import Any

from litestar import Request, Response

from booking_api.core.http import Access, endpoint
from booking_api.core.inputs import read_body, read_query
from booking_api.core.replies import Reply, send
from booking_api.core.transactions import reading, writing
from booking_api.identity import administration, audit
from booking_api.identity.audit_schemas import AuditList, AuditQuery
from booking_api.identity.schemas import OrganisationAnswer, OrganisationChange


@endpoint(
    "GET", "/v1/audit", tag="Audit", access=Access(staff="owner", scope="audit:read"), query=AuditQuery,
    answers={200: AuditList},
)  # fmt: skip
async def list_audit(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List who did what.

    The newest first: keys, staff and roles, overrides at the gate, reissued passes, refunds, exports, erasures,
    settings and secrets that were changed, and sign-ins and webhooks that were refused; of these at most two entries a
    minute from each server process, the second with the number of all others. Entries name people and things by id
    and reasons by a code, and are never changed.
    """
    query = read_query(request, AuditQuery)
    async with reading(request) as ctx:
        ctx.reply = Reply(await audit.list_entries(ctx, query))
    return send(request, ctx)


@endpoint("GET", "/v1/organisation", tag="Staff", access=Access(staff="owner"), answers={200: OrganisationAnswer})
async def get_organisation(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Get the organisation.

    As it is set up, with how long it keeps what customers said about themselves.
    """
    async with reading(request) as ctx:
        ctx.reply = Reply(await administration.show_organisation(ctx))
    return send(request, ctx)


@endpoint(
    "PATCH", "/v1/organisation", tag="Staff", access=Access(staff="owner"), body=OrganisationChange,
    answers={200: OrganisationAnswer},
)  # fmt: skip
async def update_organisation(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Change the organisation.

    How many days after a visit contacts, answers and typed reasons are erased. It counts for what is there already,
    within minutes, and what was erased doesn't come back. The audit has each change.
    """
    body = await read_body(request, OrganisationChange)
    async with writing(request) as ctx:
        ctx.reply = Reply(await administration.change_organisation(ctx, body))
    return send(request, ctx)


ROUTES = [list_audit, get_organisation, update_organisation]

"""What owners read of the audit."""

from typing import Any

from litestar import Request, Response

from booking_api.core.http import Access, endpoint
from booking_api.core.inputs import read_query
from booking_api.core.replies import Reply, send
from booking_api.core.transactions import reading
from booking_api.identity import audit
from booking_api.identity.audit_schemas import AuditList, AuditQuery


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


ROUTES = [list_audit]

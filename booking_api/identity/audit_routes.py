"""What owners decide for the organisation, and read of the audit."""

from booking_api.core.context import Context
from booking_api.core.web.http import Access, endpoint
from booking_api.identity import administration, audit
from booking_api.identity.audit_schemas import AuditList, AuditQuery
from booking_api.identity.schemas import OrganisationAnswer, OrganisationChange


@endpoint("GET", "/v1/audit", tag="Audit", access=Access(staff="owner", scope="audit:read"))
async def list_audit(ctx: Context, query: AuditQuery) -> AuditList:
    """List who did what.

    The newest first: keys, staff and roles, overrides at the gate, reissued passes, refunds, exports, erasures,
    settings and secrets that were changed, and sign-ins and webhooks that were refused; of these at most two entries a
    minute from each server process, the second with the number of all others. Entries name people and things by id
    and reasons by a code, and are never changed.
    """
    return await audit.list_entries(ctx, query)


@endpoint("GET", "/v1/organisation", tag="Staff", access=Access(staff="owner"))
async def get_organisation(ctx: Context) -> OrganisationAnswer:
    """Get the organisation.

    As it is set up, with how long it keeps what customers said about themselves.
    """
    return await administration.show_organisation(ctx)


@endpoint("PATCH", "/v1/organisation", tag="Staff", access=Access(staff="owner"))
async def update_organisation(ctx: Context, body: OrganisationChange) -> OrganisationAnswer:
    """Change the organisation.

    How many days after a visit contacts, answers and typed reasons are erased. It counts for what is there already,
    within minutes, and what was erased doesn't come back. The audit has each change.
    """
    return await administration.change_organisation(ctx, body)


ROUTES = [list_audit, get_organisation, update_organisation]

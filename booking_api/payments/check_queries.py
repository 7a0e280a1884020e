"""What the doctor asks of payments and refunds.

Each `suspects_…` is one check across organisations; where nothing is wrong it returns no row.
"""

from collections.abc import Sequence
from datetime import datetime

from booking_api.core.checks import Suspect
from booking_api.core.db import Connection, fetch_all
from booking_api.payments.schemas import LiveOrganisation


async def suspects_payments(
    db: Connection, due_before: datetime, given_up_before: datetime, limit: int
) -> list[Suspect]:
    """Payments and refunds that nobody has looked after since they were due, or that no look brings to an end."""
    return await fetch_all(
        db,
        Suspect,
        """
        select org_id, subject, found
        from (
          select org_id, 'payment ' || id::text as subject,
                 'it is ' || status || ' and should have been looked after since ' || next_check_at::text as found
          from payment_intent where next_check_at < $1
          union all
          select org_id, 'payment ' || id::text,
                 'its provider says ' || status || ' long after it was asked to cancel it, on ' || give_up_at::text
          from payment_intent where next_check_at >= $1 and give_up_at < $2
          union all
          select org_id, 'refund ' || id::text,
                 case when status = 'failed' then 'it failed, and waits to be tried again or settled on site'
                      else 'it should have been carried out since ' || next_check_at::text end
          from refund where status = 'failed' or next_check_at < $1
        ) wrong
        order by org_id, subject limit $3
        """,
        due_before,
        given_up_before,
        limit,
    )


async def suspects_test_money(db: Connection, providers: Sequence[str], limit: int) -> list[Suspect]:
    """Orders of live organisations that were paid with a test provider's money."""
    return await fetch_all(
        db,
        Suspect,
        """
        select p.org_id, 'order ' || p.order_id::text as subject, 'it was paid by ' || p.provider as found
        from payment_intent p
        join organisation o on o.org_id = p.org_id and o.live
        where p.provider = any($1::text[]) and p.status = 'succeeded'
        order by p.org_id, p.order_id limit $2
        """,
        providers,
        limit,
    )


async def list_live(db: Connection, limit: int) -> list[LiveOrganisation]:
    """Live organisations, by name."""
    return await fetch_all(
        db,
        LiveOrganisation,
        "select org_id, name from organisation where live order by name, org_id limit $1",
        limit,
    )

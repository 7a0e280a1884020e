"""What the doctor asks of capacity.

Each `suspects_…` is one check across organisations; where nothing is wrong it returns no row.
"""

from datetime import date

from booking_api.core.checks import Suspect
from booking_api.core.db import Connection, fetch_all
from booking_api.inventory.schemas import ZoneRow


async def suspects_slot_taken(db: Connection, limit: int) -> list[Suspect]:
    return await fetch_all(
        db,
        Suspect,
        """
        select s.org_id, 'slot ' || s.id::text as subject,
               'taken is ' || s.taken || ' but its claims add up to ' || coalesce(c.places, 0) as found
        from slot s
        left join (select org_id, slot_id, sum(places) as places from claim group by org_id, slot_id) c
          on c.org_id = s.org_id and c.slot_id = s.id
        where s.taken <> coalesce(c.places, 0)
        order by s.org_id, s.id limit $1
        """,
        limit,
    )


async def suspects_quota_taken(db: Connection, limit: int) -> list[Suspect]:
    return await fetch_all(
        db,
        Suspect,
        """
        select coalesce(q.org_id, c.org_id) as org_id,
               'quota of option ' || coalesce(q.option_id, c.option_id)::text
                 || ' on slot ' || coalesce(q.slot_id, c.slot_id)::text as subject,
               case when q.slot_id is null then 'it is claimed but does not exist'
                    else 'taken is ' || q.taken || ' but its claims add up to ' || coalesce(c.places, 0) end as found
        from quota q
        full join (
          select org_id, slot_id, option_id, sum(quota_places) as places
          from claim where quota_places > 0 group by org_id, slot_id, option_id
        ) c on c.org_id = q.org_id and c.slot_id = q.slot_id and c.option_id = q.option_id
        where q.slot_id is null or q.taken <> coalesce(c.places, 0)
        order by 1, 2 limit $1
        """,
        limit,
    )


async def suspects_seats(db: Connection, limit: int) -> list[Suspect]:
    """Seats that are kept for nobody, and seats that somebody was promised and that aren't kept."""
    return await fetch_all(
        db,
        Suspect,
        """
        select org_id, subject, found
        from (
          select s.org_id, 'seat ' || s.seat || ' on slot ' || s.slot_id::text as subject,
                 'it is kept for item ' || s.item_id::text || ', which does not sit there' as found
          from seat_claim s
          left join claim c on c.org_id = s.org_id and c.id = s.claim_id and c.slot_id = s.slot_id
          left join item i on i.org_id = s.org_id and i.id = s.item_id and i.booking_id = s.claim_id
            and i.slot_id = s.slot_id and i.seat = s.seat and (i.status = 'active' or i.after_admission = 'kept')
          where c.id is null or i.id is null
          union all
          select i.org_id, 'item ' || i.id::text, 'it was promised seat ' || i.seat || ', which is not kept for it'
          from item i
          join claim c on c.org_id = i.org_id and c.id = i.booking_id
          left join seat_claim s on s.org_id = i.org_id and s.slot_id = i.slot_id and s.seat = i.seat and s.item_id = i.id
          where i.seat is not null and (i.status = 'active' or i.after_admission = 'kept') and s.seat is null
        ) wrong
        order by org_id, subject limit $1
        """,
        limit,
    )


async def suspects_local_dates(db: Connection, since: date, limit: int) -> list[Suspect]:
    """Slots to come whose local date PostgreSQL's zone data sees otherwise than this program's did."""
    return await fetch_all(
        db,
        Suspect,
        """
        select org_id, 'slot ' || id::text as subject,
               'its local date is ' || local_date || ' but in ' || time_zone || ' it starts on '
                 || (starts_at at time zone time_zone)::date as found
        from slot
        where local_date >= $1 and (starts_at at time zone time_zone)::date <> local_date
        order by org_id, id limit $2
        """,
        since,
        limit,
    )


async def list_zones(db: Connection) -> list[ZoneRow]:
    """Every time zone that some row names."""
    return await fetch_all(
        db,
        ZoneRow,
        """
        select time_zone, min(used_by) as used_by
        from (
          select time_zone, 'organisation' as used_by from organisation
          union all select time_zone, 'place' from place
          union all select time_zone, 'slot' from slot
          union all select end_time_zone, 'slot' from slot
        ) used
        group by time_zone order by time_zone
        """,
    )

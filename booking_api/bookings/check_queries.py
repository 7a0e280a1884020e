"""What the doctor asks of orders, their places, their money, their passes and who is inside.

Each `suspects_…` is one check across organisations; where nothing is wrong it returns no row.
"""

from datetime import datetime

from booking_api.core.checks import Suspect
from booking_api.core.db import Connection, fetch_all


async def suspects_claims(db: Connection, limit: int) -> list[Suspect]:
    """Bookings whose places aren't kept, and places that are kept for no booking.

    A cancelled booking keeps exactly the places of those of its items that were cancelled though they were admitted.
    """
    return await fetch_all(
        db,
        Suspect,
        """
        with kept as materialized (
          select i.org_id, i.booking_id,
            sum(coalesce((unit.value ->> 'occupies')::int, 1)) as places,
            sum(case when option.value ->> 'quota' is null then 0
                     else coalesce((unit.value ->> 'occupies')::int, 1) end) as quota_places
          from item i
          join booking b on b.org_id = i.org_id and b.id = i.booking_id
          join product_version v on v.org_id = b.org_id and v.product_id = b.product_id and v.version = b.product_version
          join lateral jsonb_array_elements(v.definition -> 'units') as unit (value)
            on unit.value ->> 'id' = i.unit_id::text
          join lateral jsonb_array_elements(v.definition -> 'options') as option (value)
            on option.value ->> 'id' = b.option_id::text
          where i.after_admission = 'kept'
          group by i.org_id, i.booking_id
        )
        select org_id, subject, found
        from (
          select coalesce(b.org_id, c.org_id) as org_id, 'booking ' || coalesce(b.id, c.id)::text as subject,
                 case when b.id is null then 'places are kept for it but it does not exist'
                      when c.id is null and k.booking_id is not null
                        then 'people of it were admitted before it was cancelled, but no places are kept for them'
                      when c.id is null then 'it is ' || b.status || ' but no places are kept for it'
                      when k.booking_id is not null and b.status <> 'cancelled'
                        then 'it is ' || b.status || ' but keeps the places of cancelled people'
                      when k.booking_id is not null and (c.places <> k.places or c.quota_places <> k.quota_places)
                        then 'it keeps ' || c.places || ' places, but ' || k.places || ' for people who were admitted'
                      when k.booking_id is null and b.status in ('cancelled', 'expired', 'rejected')
                        then 'it is ' || b.status || ' but places are still kept for it'
                      when b.status = 'confirmed' and c.expires_at is not null
                        then 'it is confirmed but its places are only held'
                      when b.status = 'on_hold' and c.expires_at is null
                        then 'it is on hold but its places are kept for good'
                      when k.booking_id is not null and c.expires_at is not null
                        then 'it keeps the places of people who were admitted, but only for a time'
                      else 'its places are kept on another slot' end as found
          from booking b
          full join claim c on c.org_id = b.org_id and c.id = b.id
          left join kept k on k.org_id = b.org_id and k.booking_id = b.id
          where b.id is null
             or (c.id is null and (b.status in ('on_hold', 'pending', 'confirmed') or k.booking_id is not null))
             or (c.id is not null and (
                  (k.booking_id is null and b.status in ('cancelled', 'expired', 'rejected'))
                  or (k.booking_id is not null and (
                       b.status <> 'cancelled' or c.places <> k.places or c.quota_places <> k.quota_places
                       or c.expires_at is not null))
                  or (b.status = 'confirmed' and c.expires_at is not null)
                  or (b.status = 'on_hold' and c.expires_at is null)
                  or b.slot_id <> c.slot_id))
        ) wrong
        order by org_id, subject limit $1
        """,
        limit,
    )


async def suspects_orders(db: Connection, settled_before: datetime, limit: int) -> list[Suspect]:
    """Money without tickets and tickets without money, once the reconciler has had its time."""
    return await fetch_all(
        db,
        Suspect,
        """
        select org_id, subject, found
        from (
          select p.org_id, 'order ' || p.order_id::text as subject,
                 'it is ' || coalesce(o.status, 'gone') || ' but payment ' || p.id::text
                   || ' succeeded and does not go back' as found
          from payment_intent p
          left join booking_order o on o.org_id = p.org_id and o.id = p.order_id
          left join (
            select org_id, intent_id, sum(amount) as amount from refund group by org_id, intent_id
          ) r on r.org_id = p.org_id and r.intent_id = p.id
          where p.status = 'succeeded' and p.updated_at < $1 and coalesce(r.amount, 0) < p.amount
            and not coalesce(o.intent_id = p.id and p.abandoned_at is null and exists (
              select from booking b where b.org_id = o.org_id and b.order_id = o.id and b.confirmed_at is not null
            ), false)
          union all
          select o.org_id, 'order ' || o.id::text,
                 'it is confirmed and ' || b.due_now || ' were due, but no payment succeeded'
          from booking_order o
          join (
            select org_id, order_id, sum((price->'due_now'->>'amount')::bigint) as due_now
            from booking where status = 'confirmed' group by org_id, order_id
          ) b on b.org_id = o.org_id and b.order_id = o.id
          left join payment_intent p on p.org_id = o.org_id and p.id = o.intent_id and p.status = 'succeeded'
            and p.abandoned_at is null
          where o.status = 'confirmed' and b.due_now > 0 and p.id is null
          union all
          select o.org_id, 'order ' || o.id::text, 'it is still ' || o.status || ' long after its time'
          from booking_order o
          where (o.status = 'on_hold' and o.expires_at < $1) or (o.status = 'pending' and o.pending_until < $1)
        ) wrong
        order by org_id, subject limit $2
        """,
        settled_before,
        limit,
    )


async def suspects_order_states(db: Connection, limit: int) -> list[Suspect]:
    """Bookings in a state that their order can't have led to."""
    return await fetch_all(
        db,
        Suspect,
        """
        select b.org_id, 'booking ' || b.id::text as subject,
               'it is ' || b.status || ' but its order is ' || o.status as found
        from booking b
        join booking_order o on o.org_id = b.org_id and o.id = b.order_id
        where b.status <> o.status and not (o.status = 'confirmed' and b.status = 'cancelled')
        order by b.org_id, b.id limit $1
        """,
        limit,
    )


async def suspects_passes(db: Connection, limit: int) -> list[Suspect]:
    """Confirmed people without a pass, and live passes of people who no longer come."""
    return await fetch_all(
        db,
        Suspect,
        """
        select org_id, subject, found
        from (
          select i.org_id, 'item ' || i.id::text as subject, 'it is confirmed but has no pass' as found
          from booking b
          join item i on i.org_id = b.org_id and i.booking_id = b.id and i.status = 'active'
          left join pass p on p.org_id = i.org_id and p.item_id = i.id and p.revoked_at is null
          where b.status = 'confirmed' and b.erased_at is null and p.id is null
          union all
          select p.org_id, 'item ' || p.item_id::text, 'it is cancelled but its pass was not revoked'
          from pass p
          join item i on i.org_id = p.org_id and i.id = p.item_id
          join booking b on b.org_id = i.org_id and b.id = i.booking_id
          where p.revoked_at is null and (i.status = 'cancelled' or b.status <> 'confirmed')
        ) wrong
        order by org_id, subject limit $1
        """,
        limit,
    )


async def suspects_inside(db: Connection, limit: int) -> list[Suspect]:
    """People who are inside with something cancelled, though neither the cancellation nor an override says so. Of an
    override whose reason was erased an empty one is left; of what has left the archive nobody knows any more."""
    return await fetch_all(
        db,
        Suspect,
        """
        select a.org_id, 'item ' || a.item_id::text as subject,
               'it is inside but ' || case when i.id is null then 'does not exist'
                 when i.status = 'cancelled' then 'cancelled, and nothing says that it was admitted before'
                 else 'its booking is ' || b.status end as found
        from attendance a
        left join item i on i.org_id = a.org_id and i.id = a.item_id
        left join booking b on b.org_id = i.org_id and b.id = i.booking_id
        where a.inside
          and (i.id is null or i.status = 'cancelled' or b.status <> 'confirmed')
          and i.after_admission is null
          and exists (
            select from scan l
            where l.org_id = a.org_id and l.nonce = a.last_scan_nonce and l.override_reason is null
            union all
            select from scan_archive o
            where o.org_id = a.org_id and o.nonce = a.last_scan_nonce and o.override_reason is null
          )
        order by a.org_id, a.item_id limit $1
        """,
        limit,
    )

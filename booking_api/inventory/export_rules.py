"""How a slot would have to be written to be what it is. Pure."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from booking_api.inventory.write_schemas import Offered


def describe_slot(slot: Any, offered: Offered) -> dict[str, Any]:
    """A slot as a line of NDJSON describes it. Times have offsets, so that each of two equal local times is itself."""
    written: dict[str, Any] = {
        "product": slot.product,
        "code": slot.code,
        "starts_at": _local(slot.starts_at, slot.time_zone),
        "ends_at": _local(slot.ends_at, slot.end_time_zone),
        "capacity": slot.capacity,
        "status": slot.status,
        "gate": slot.gate,
        "resource": slot.resource,
        "seat_layout": slot.seat_layout,
        "quotas": _quotas(slot, offered) or None,
    }
    if slot.booking_closes_at != slot.starts_at - offered.closes_before:
        written["booking_closes_at"] = _local(slot.booking_closes_at, slot.time_zone)
    return {name: value for name, value in written.items() if value is not None}


def _local(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return local.isoformat(timespec="seconds" if local.second else "minutes")


def _quotas(slot: Any, offered: Offered) -> dict[str, int]:
    """Where they are others than the options' own. An option without a quota of this slot is limited by its places alone."""
    present: dict[str, int] = slot.quotas or {}
    quotas: dict[str, int] = {}
    for code, option_id in offered.options.items():
        places = present.get(str(option_id))
        if places is None and code in offered.quotas:
            places = slot.capacity
        if places is not None and places != offered.quotas.get(code):
            quotas[code] = places
    return quotas

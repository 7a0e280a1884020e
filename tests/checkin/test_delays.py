"""The gate of a delayed slot opens as scheduled and closes by the estimate, for passes that were issued before."""

from datetime import UTC, datetime, timedelta

from booking_api.core.ids import new_id
from tests.bookings.journey import confirm, hold, owner_of, party
from tests.inventory.helpers import change_slot, delay, patch_slot
from tests.world import Headers, World

MINUTE = timedelta(minutes=1)


async def scan(api, headers: Headers, code: str, **more) -> dict:
    body = {"code": code, "nonce": str(new_id()), **more}
    answer = await api.post("/v1/scans", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def boarding(api, world: World) -> tuple[dict, datetime]:
    """A confirmed booking of a flight that was to leave now: its gate, ten minutes before, is closed."""
    slot = world.flight_slots[1]
    booking = await hold(api, world.app, party(world, "adult", slot=slot))
    booking = await confirm(api, owner_of(booking), booking)
    paid = {"method": "cash", "amount": booking["price"]["due_on_site"]}
    await api.post(f"/v1/bookings/{booking['id']}/payments", json=paid, headers=world.agent)
    now = datetime.now(UTC)
    await change_slot(world, slot, starts_at=now, ends_at=now + 360 * MINUTE)
    return booking, now


async def test_who_comes_late_to_a_late_slot_is_in_time(api, world):
    booking, now = await boarding(api, world)
    slot, code = booking["slot"]["id"], booking["items"][0]["pass"]["code"]
    late = await scan(api, world.agent, code)
    assert (late["admit"], late["verdict"]) == (False, "expired")
    await patch_slot(api, world.agent, slot, delay=delay(now + 30 * MINUTE))
    found = (await api.get("/v1/gate/lookup", params={"reference": booking["reference"]}, headers=world.agent)).json()
    assert found["items"][0]["items"][0]["available_actions"] == ["enter"]
    assert (await scan(api, world.agent, code))["verdict"] == "admitted"


async def test_the_gate_of_a_late_slot_opens_as_scheduled(api, world):
    booking, now = await boarding(api, world)
    slot, code = booking["slot"]["id"], booking["items"][0]["pass"]["code"]
    await change_slot(world, slot, starts_at=now + 61 * MINUTE, ends_at=now + 400 * MINUTE)
    await patch_slot(api, world.agent, slot, delay=delay(now + 300 * MINUTE))
    early = await scan(api, world.agent, code)
    assert early["verdict"] == "too_early"
    assert datetime.fromisoformat(early["expected"]["admit_from"]) == now + 1 * MINUTE
    assert datetime.fromisoformat(early["expected"]["admit_until"]) == now + 290 * MINUTE
    await change_slot(world, slot, starts_at=now + 59 * MINUTE)
    assert (await scan(api, world.agent, code))["verdict"] == "admitted"


async def test_the_gates_list_says_what_is_late_and_keeps_it(api, world):
    booking, now = await boarding(api, world)
    slot = booking["slot"]["id"]
    await change_slot(world, slot, starts_at=now - 300 * MINUTE, ends_at=now - 150 * MINUTE)

    async def listed() -> list[dict]:
        page = await api.get("/v1/gate/slots", params={"gate": "B7"}, headers=world.agent)
        return [item for item in page.json()["items"] if item["slot_id"] == slot]

    assert await listed() == [], "it ended more than two hours ago"
    await patch_slot(api, world.agent, slot, delay=delay(now + 5 * MINUTE, note="Engine"))
    (item,) = await listed()
    assert item["delay"]["note"] == "Engine"
    assert datetime.fromisoformat(item["starts_at"]) == now - 300 * MINUTE

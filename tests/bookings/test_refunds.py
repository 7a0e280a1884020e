"""A refund that failed is never shown as given back: it is on the staff's list, tried again or settled on site, once."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest

from booking_api.payments.jobs import execute_refunds
from booking_api.payments.refund_schemas import RefundTry
from booking_api.payments.test_provider.books import Line
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, party, visit
from tests.faults.books import wrongs
from tests.payments.money import later, look, relay, work
from tests.payments.provider import Provider
from tests.world import World


async def cancelled(api, world: World, token: str = "tok_refund_fails"):
    """A paid booking that was cancelled: the owner's view, before anybody gave anything back."""
    held = await hold(api, world.app, party(world, "adult"))
    await confirm(api, owner_of(held), held, "test", token=token)
    answer = await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert answer.json()["payment"]["status"] == "refund_pending", answer.text
    return held, answer.json()["payment"]


async def act(api, world: World, refund_id: str, verb: str, body=None, headers=None):
    return await api.post(f"/v1/refunds/{refund_id}/{verb}", headers=headers or world.manager, json=body)


async def listed(api, world: World, status: str):
    answer = await api.get("/v1/refunds", params={"status": status}, headers=world.manager)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def sound(world: World, provider: Provider) -> None:
    url = world.runtime.settings.database_url
    assert await wrongs(url, await provider.charges(), await provider.refunds()) == []


async def test_a_refund_that_fails_is_said_so_and_tried_again(api, world: World, provider: Provider):
    held, payment = await cancelled(api, world)
    amount = payment["amount"]
    assert await execute_refunds(world.runtime, later()) == 1
    before = await look(api, held)
    assert (before["payment"]["status"], before["payment"]["amount"]) == ("refund_failed", amount)
    assert "refunded" not in before["payment"]
    assert "refund.failed" in await relay(world)
    told = await look(api, held)
    assert told["version"] > before["version"]
    (failed,) = await listed(api, world, "failed")
    assert (failed["booking_id"], failed["amount"], failed["error_code"]) == (held["id"], amount, "refused")
    assert failed["available_actions"] == ["retry", "settle"]
    # Nothing repeats it by itself.
    await work(world)
    assert len(await provider.refunds()) == 1
    again = await act(api, world, failed["id"], "retry")
    assert (again.status_code, again.json()["status"], again.json()["tries"]) == (202, "pending", 2)
    twice = await act(api, world, failed["id"], "retry")
    assert (twice.status_code, twice.json()["tries"]) == (202, 2)
    await relay(world)
    assert (await look(api, held))["payment"]["status"] == "refund_pending"
    await work(world)
    done = await look(api, held)
    assert (done["payment"]["status"], done["payment"]["refunded"]) == ("refunded", amount)
    assert done["version"] > told["version"]
    over = await act(api, world, failed["id"], "retry")
    assert (over.status_code, over.json()["status"]) == (200, "succeeded")
    refunds = await provider.refunds()
    assert [refund["status"] for refund in refunds] == ["succeeded", "failed"]
    await sound(world, provider)
    audit = (await api.get("/v1/audit", headers=world.owner)).json()["items"]
    about = [entry for entry in audit if entry.get("object") == {"type": "refund", "id": failed["id"]}]
    assert [entry["action"] for entry in about] == ["refund.retried", "refund.failed"]
    assert [entry["actor"]["kind"] for entry in about] == ["staff", "system"]


@pytest.mark.parametrize("verb", ["retry", "settle"])
async def test_a_refund_that_succeeded_late_is_not_given_twice(api, world: World, provider: Provider, verb):
    """The provider said that it failed; by the time somebody sees to it, it has come after all."""
    held, payment = await cancelled(api, world)
    await execute_refunds(world.runtime, later())
    (failed,) = await listed(api, world, "failed")
    books = provider.running.bank.books
    books.refunds[failed["id"]].status = "succeeded"
    next(iter(books.charges.values())).refunded = payment["amount"]["amount"]
    answer = await act(api, world, failed["id"], verb, {"method": "cash"} if verb == "settle" else None)
    if verb == "retry":
        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    await work(world)
    assert len(await provider.refunds()) == 1
    assert (await look(api, held))["payment"]["status"] == "refunded"
    await sound(world, provider)


async def test_a_first_try_that_succeeds_after_the_second_was_begun_is_noticed(api, world: World, provider: Provider):
    held, payment = await cancelled(api, world)
    await execute_refunds(world.runtime, later())
    (failed,) = await listed(api, world, "failed")
    assert (await act(api, world, failed["id"], "retry")).status_code == 202
    books = provider.running.bank.books
    books.refunds[failed["id"]].status = "succeeded"
    next(iter(books.charges.values())).refunded = payment["amount"]["amount"]
    await work(world)
    assert [refund["key"] for refund in await provider.refunds()] == [failed["id"]]
    assert (await look(api, held))["payment"]["status"] == "refunded"
    await sound(world, provider)


async def test_a_refund_is_settled_on_site(api, world: World, provider: Provider):
    held, payment = await cancelled(api, world)
    (open_one,) = await listed(api, world, "pending")
    busy = await act(api, world, open_one["id"], "settle", {"method": "cash"})
    assert (busy.status_code, busy.json()["code"]) == (409, "payment_in_progress")
    assert busy.headers["retry-after"]
    await execute_refunds(world.runtime, later())
    provider.go_down()
    unknown = await act(api, world, open_one["id"], "settle", {"method": "cash"})
    assert (unknown.status_code, unknown.json()["code"]) == (409, "payment_in_progress")
    provider.come_up()
    done = await act(api, world, open_one["id"], "settle", {"method": "cash"})
    assert (done.status_code, done.json()["status"], done.json()["settled_by"]) == (200, "settled", "cash")
    assert (await act(api, world, open_one["id"], "settle", {"method": "cash"})).json() == done.json()
    other = await act(api, world, open_one["id"], "settle", {"method": "bank"})
    assert other.status_code == 409
    assert (await act(api, world, open_one["id"], "retry")).status_code == 409
    await work(world)
    shown = await look(api, held)
    assert (shown["payment"]["status"], shown["payment"]["refunded"]) == ("refunded", payment["amount"])
    assert [refund["status"] for refund in await provider.refunds()] == ["failed"]


async def test_where_nobody_can_be_asked_any_more_it_is_settled_on_site(api, world: World, provider: Provider):
    """The provider was given up; what it took is still to be given back."""
    held, _ = await cancelled(api, world)
    await execute_refunds(world.runtime, later())
    (failed,) = await listed(api, world, "failed")
    provider.configure(test_provider_url="")
    assert (await act(api, world, failed["id"], "retry")).status_code == 409
    assert (await act(api, world, failed["id"], "settle", {"method": "bank"})).status_code == 200
    await work(world)
    assert (await look(api, held))["payment"]["status"] == "refunded"


@pytest.mark.parametrize(
    ("token", "ends"), [("tok_refund_late", "refunded"), ("tok_refund_late_fails", "refund_failed")]
)
async def test_a_refund_that_takes_its_time(api, world: World, provider: Provider, token, ends):
    held, payment = await cancelled(api, world, token)
    assert await execute_refunds(world.runtime, later()) == 0
    assert (await look(api, held))["payment"]["status"] == "refund_pending"
    await asyncio.sleep(0.3)
    await work(world)
    shown = (await look(api, held))["payment"]
    assert (shown["status"], shown["amount"]) == (ends, payment["amount"])


async def test_what_was_taken_at_the_counter_is_given_back_there(api, world: World):
    held = await hold(api, world.app, visit(world, "adult", "child"))
    await confirm(api, owner_of(held), held)
    cash = {"method": "cash", "amount": {"amount": 2980, "currency": "EUR"}}
    assert (await api.post(f"/v1/bookings/{held['id']}/payments", headers=world.agent, json=cash)).status_code == 200
    answer = await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    assert (answer.json()["payment"]["status"], answer.json()["payment"]["amount"]["amount"]) == (
        "refund_pending",
        2980,
    )
    (due,) = await listed(api, world, "due_on_site")
    assert (due["method"], due["available_actions"]) == ("on_site", ["settle"])
    assert (await act(api, world, due["id"], "retry")).status_code == 409
    assert (await act(api, world, due["id"], "settle", {"method": "cash"})).json()["status"] == "settled"
    await relay(world)
    shown = await look(api, held)
    assert (shown["payment"]["status"], shown["payment"]["refunded"]["amount"]) == ("refunded", 2980)
    assert await listed(api, world, "due_on_site") == []


async def test_one_of_two_bookings_is_given_back(api, world: World, provider: Provider):
    wish = {"bookings": [visit(world, "adult"), visit(world, "child", slot=world.tower_slots[1])]}
    order = (await api.post("/v1/orders", json=wish, headers=world.app)).json()
    owner = owner_of(order)
    paid = {"contact": CONTACT, "payment": {"method": "test", "token": "tok_ok"}}
    assert (await api.post(f"/v1/orders/{order['id']}/confirm", json=paid, headers=owner)).status_code == 200
    first, second = (booking["id"] for booking in order["bookings"])
    assert (await api.post(f"/v1/bookings/{second}/cancel", headers=owner)).status_code == 200

    async def shown():
        whole = (await api.get(f"/v1/orders/{order['id']}", headers=owner)).json()
        return [whole["payment"], *(booking["payment"] for booking in whole["bookings"])]

    assert [one["status"] for one in await shown()] == ["refund_pending", "succeeded", "refund_pending"]
    await work(world)
    whole, kept, back = await shown()
    assert (whole["status"], whole["amount"]["amount"], whole["refunded"]["amount"]) == ("partly_refunded", 2980, 990)
    assert (kept["status"], kept["amount"]["amount"]) == ("succeeded", 1990)
    assert (back["status"], back["amount"]["amount"]) == ("refunded", 990)
    assert (await api.post(f"/v1/bookings/{first}/cancel", headers=owner)).status_code == 200
    await work(world)
    assert [(one["status"], one["amount"]["amount"]) for one in await shown()] == [
        ("refunded", 2980), ("refunded", 1990), ("refunded", 990),
    ]  # fmt: skip
    await sound(world, provider)


async def test_many_at_once_give_back_once(api, world: World, provider: Provider):
    _, payment = await cancelled(api, world)
    await execute_refunds(world.runtime, later())
    (failed,) = await listed(api, world, "failed")
    cash = {"method": "cash"}
    answers = await asyncio.gather(
        *(act(api, world, failed["id"], verb, cash if verb == "settle" else None) for verb in ["retry", "settle"] * 4),
        *(execute_refunds(world.runtime, later()) for _ in range(3)),
    )
    assert {a.status_code for a in answers if not isinstance(a, int)} <= {200, 202, 409}
    await work(world)
    by_hand = len(await listed(api, world, "settled"))
    by_provider = sum(refund["status"] == "succeeded" for refund in await provider.refunds())
    assert by_hand + by_provider == 1
    assert payment["amount"]["amount"] > 0


async def test_the_list_is_bounded_and_in_order(api, world: World, provider: Provider):
    held = [await cancelled(api, world, "tok_ok") for _ in range(3)]
    found, cursor = [], None
    for _ in range(3):
        query = {"limit": "1", **({"cursor": cursor} if cursor else {})}
        page = (await api.get("/v1/refunds", params=query, headers=world.key)).json()
        found += [item["booking_id"] for item in page["items"]]
        cursor = page.get("next_cursor")
    assert cursor is None
    assert found == [booking["id"] for booking, _ in reversed(held)]
    wrong = await api.get("/v1/refunds", params={"status": "gone"}, headers=world.manager)
    assert wrong.status_code == 400
    assert (await api.get(f"/v1/refunds/{uuid4()}", headers=world.manager)).status_code == 404
    assert (await act(api, world, str(uuid4()), "retry")).status_code == 404
    assert (await act(api, world, str(uuid4()), "settle", {"method": "cash"})).status_code == 404
    assert (await act(api, world, str(uuid4()), "settle", {"method": "shells"})).status_code == 400


async def test_a_key_that_is_repeated_acts_once(api, world: World, provider: Provider):
    await cancelled(api, world)
    await execute_refunds(world.runtime, later())
    (failed,) = await listed(api, world, "failed")
    headers = {**world.manager, "Idempotency-Key": str(uuid4())}
    first = await act(api, world, failed["id"], "retry", headers=headers)
    provider.running.bank.books.charges[next(iter(provider.running.bank.books.charges))].token = "tok_refund_fails"
    # The second try fails as well, and the lost answer is asked for again: no third one is begun.
    await world.runtime.pool.execute("update refund set status = 'failed', next_check_at = null")
    again = await act(api, world, failed["id"], "retry", headers=headers)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert await world.runtime.pool.fetchval("select tries from refund") == 2


def test_each_try_has_a_key_of_its_own():
    refund_id = UUID(int=7)
    refund: object = type("Row", (), {"id": refund_id})()
    keys = [RefundTry(refund, number).key for number in range(1, 5)]  # type: ignore[arg-type]
    assert keys[0] == refund_id
    assert len(set(keys)) == 4
    assert keys == [RefundTry(refund, number).key for number in range(1, 5)]  # type: ignore[arg-type]


# what its provider says later ---------------------------------------------------------------------------------------


async def returned(api, world: World, provider: Provider, *, by: str):
    """A refund that succeeded, and that the customer's bank returned since: heard of by a webhook or by asking."""
    held, payment = await cancelled(api, world, "tok_refund_returned")
    await provider.deliver(api)
    books = provider.running.bank.books
    books.late_seconds = 3600
    await work(world)
    before = await look(api, held)
    assert (before["payment"]["status"], before["payment"]["refunded"]) == ("refunded", payment["amount"])
    (refund,) = books.refunds.values()
    books.take_back(refund)
    if by == "webhook":
        (answer, *_) = await provider.deliver(api)
        assert (answer.status_code, answer.json()) == (202, {"recorded": True})
        await execute_refunds(world.runtime)
    else:
        books.messages.clear()
        await execute_refunds(world.runtime, later(hours=23))
        assert (await look(api, held))["payment"]["status"] == "refunded", "nobody asked yet"
        await execute_refunds(world.runtime, later(days=1, minutes=30))
    return held, payment, before


@pytest.mark.parametrize("by", ["webhook", "asking"])
async def test_a_refund_that_a_bank_returned_is_failed_again(api, world: World, provider: Provider, by):
    held, payment, before = await returned(api, world, provider, by=by)
    assert "refund.failed" in await relay(world)
    told = await look(api, held)
    assert (told["payment"]["status"], told["payment"]["amount"]) == ("refund_failed", payment["amount"])
    assert "refunded" not in told["payment"]
    assert told["version"] > before["version"]
    order = (await api.get(f"/v1/orders/{held['order_id']}", headers=owner_of(held))).json()
    assert order["payment"]["status"] == "refund_failed"
    (failed,) = await listed(api, world, "failed")
    assert (failed["booking_id"], failed["error_code"], failed["tries"]) == (held["id"], "returned", 1)
    assert failed["available_actions"] == ["retry", "settle"]
    audit = (await api.get("/v1/audit", headers=world.owner)).json()["items"]
    assert [e["reason_code"] for e in audit if e["action"] == "refund.failed"] == ["returned"]
    # It is given back once more, by another key, and stays so whatever was said of the first one.
    assert (await act(api, world, failed["id"], "retry")).status_code == 202
    await work(world)
    assert (await look(api, held))["payment"]["status"] == "refunded"
    assert [refund["status"] for refund in await provider.refunds()] == ["succeeded", "failed"]
    await sound(world, provider)


@pytest.mark.parametrize("method", ["cash", "bank"])
async def test_what_a_bank_returned_may_be_given_by_hand(api, world: World, provider: Provider, method):
    held, payment, _ = await returned(api, world, provider, by="webhook")
    (failed,) = await listed(api, world, "failed")
    done = await act(api, world, failed["id"], "settle", {"method": method})
    assert (done.status_code, done.json()["status"]) == (200, "settled")
    message = {"refund": {"metadata": {"org_id": str(world.org.org_id), "refund_id": failed["id"]}}}
    answer = await provider.post(api, msgspec.json.encode({"type": "refund.updated", **message}))
    assert answer.json() == {"recorded": False}
    await work(world)
    shown = await look(api, held)
    assert (shown["payment"]["status"], shown["payment"]["refunded"]) == ("refunded", payment["amount"])


async def test_repeated_and_late_news_of_a_refund_change_nothing(api, world: World, provider: Provider):
    held, _, _ = await returned(api, world, provider, by="webhook")
    await relay(world)
    (failed,) = await listed(api, world, "failed")
    message = {"refund": {"metadata": {"org_id": str(world.org.org_id), "refund_id": failed["id"]}, "status": "failed"}}
    body = msgspec.json.encode({"type": "refund.updated", **message})

    async def tell_again() -> list[str]:
        answers = await asyncio.gather(*(provider.post(api, body) for _ in range(5)))
        assert [answer.json() for answer in answers] == [{"recorded": True}] * 5
        await asyncio.gather(*(execute_refunds(world.runtime) for _ in range(3)))
        return [kind for kind in await relay(world) if kind.startswith("refund.")]

    version = (await look(api, held))["version"]
    assert await tell_again() == []
    assert (await look(api, held))["version"] == version
    assert len(await provider.refunds()) == 1, "nothing tries it again by itself"
    await act(api, world, failed["id"], "retry")
    await work(world)
    # What was said of the first try says nothing about the second, which succeeded.
    assert await tell_again() == []
    assert (await look(api, held))["payment"]["status"] == "refunded"
    await sound(world, provider)


async def test_a_failed_refund_that_came_after_all_is_heard_of_without_anybody_asking(
    api, world: World, provider: Provider
):
    held, payment = await cancelled(api, world)
    await execute_refunds(world.runtime, later())
    await relay(world)
    books = provider.running.bank.books
    (refund,) = books.refunds.values()
    refund.status = "succeeded"
    next(iter(books.charges.values())).refunded = payment["amount"]["amount"]
    books.write(Line(message=books._message_of(refund)))
    await provider.deliver(api)
    await execute_refunds(world.runtime)
    assert "refund.settled" in await relay(world)
    assert (await look(api, held))["payment"]["status"] == "refunded"
    await sound(world, provider)


@pytest.mark.parametrize("silent", ["down", "forgotten", "not offered"])
async def test_a_provider_that_says_nothing_takes_nothing_back(api, world: World, provider: Provider, silent):
    held, _ = await cancelled(api, world, "tok_ok")
    await work(world)
    (done,) = await listed(api, world, "succeeded")
    if silent == "down":
        provider.go_down()
    elif silent == "forgotten":
        provider.running.bank.books.refunds.clear()
    else:
        provider.configure(test_provider_url="")
    for days in (1, 3, 7, 14, 30, 60):
        await execute_refunds(world.runtime, later(days=days, hours=1))
    assert await listed(api, world, "succeeded") == [done]
    assert (await look(api, held))["payment"]["status"] == "refunded"
    async with world.runtime.pool.acquire() as db:
        due = await db.fetchval("select next_check_at from refund")
    assert (due is not None) == (silent == "down"), "nobody asks for ever"


@pytest.mark.parametrize("refund", [{}, {"metadata": {}}, {"metadata": {"org_id": "x", "refund_id": "y"}}, None, 7])
async def test_news_of_no_refund_of_ours_are_ignored(api, world: World, provider: Provider, refund):
    answer = await provider.post(api, msgspec.json.encode({"type": "refund.updated", "refund": refund}))
    assert (answer.status_code, answer.json()) == (202, {"recorded": False})


async def test_news_of_a_neighbour_s_refund_or_one_paid_on_site_are_ignored(api, world: World, provider: Provider):
    held = await hold(api, world.app, visit(world, "adult"))
    done = await confirm(api, owner_of(held), held)
    cash = {"method": "cash", "amount": done["price"]["due_on_site"]}
    await api.post(f"/v1/bookings/{held['id']}/payments", json=cash, headers=world.agent)
    await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    (by_hand,) = await listed(api, world, "due_on_site")
    await cancelled(api, world)
    (pending,) = await listed(api, world, "pending")
    for org_id, refund_id in ((world.org.org_id, by_hand["id"]), (uuid4(), pending["id"])):
        metadata = {"org_id": str(org_id), "refund_id": refund_id}
        body = msgspec.json.encode({"type": "refund.updated", "refund": {"metadata": metadata}})
        assert (await provider.post(api, body)).json() == {"recorded": False}

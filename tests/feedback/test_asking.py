"""Who is asked what and when."""

import asyncio
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.context import Caller
from booking_api.core.ids import new_id
from booking_api.feedback import operations, rules
from booking_api.feedback.schemas import AskRow, PromptRow
from tests.feedback.helpers import NOON, add_booking, ask, configure, count, post, prompt
from tests.world import build_world

DAY = timedelta(days=1)


# share ------------------------------------------------------------------------------------------------------------


@given(st.uuids(), st.uuids(), st.integers(0, 100), st.integers(0, 100))
def test_share_is_steady_and_grows(customer_id: UUID, prompt_id: UUID, one: int, other: int):
    smaller, larger = sorted((one, other))
    first = rules.in_share(customer_id, prompt_id, smaller)
    assert first is rules.in_share(customer_id, prompt_id, smaller)
    assert not first or rules.in_share(customer_id, prompt_id, larger)
    assert rules.in_share(customer_id, prompt_id, 100)
    assert not rules.in_share(customer_id, prompt_id, 0)


def test_share_is_about_the_share_and_differs_by_prompt():
    customers, one, other = [new_id() for _ in range(4000)], new_id(), new_id()
    asked = [rules.in_share(customer, one, 25) for customer in customers]
    assert 850 < sum(asked) < 1150
    both = sum(rules.in_share(customer, other, 25) for customer, first in zip(customers, asked, strict=True) if first)
    assert 170 < both < 340


# the decision -----------------------------------------------------------------------------------------------------


def _row(step: str = "confirmed", kind: str = "csat", pause: int = 30) -> PromptRow:
    return PromptRow(new_id(), step, kind, {"en": "?"}, 100, pause, True, NOON, NOON)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 80)), max_size=8),
    st.lists(st.integers(0, 40), min_size=1, max_size=3),
    st.booleans(),
)
def test_nobody_is_asked_anew_within_the_pause(history, pauses, about_booking):
    prompts = [_row(pause=pause) for pause in pauses]
    booking = new_id() if about_booking else None
    asks = [
        AskRow(new_id(), number, prompts[index % len(prompts)].id, "confirmed", "csat", booking if answered else new_id(),
               NOON - timedelta(days=days), answered)
        for number, (index, answered, days) in reversed(list(enumerate(history, 1)))
    ]  # fmt: skip
    decision = rules.decide(prompts, asks, "confirmed", booking, NOON)
    if isinstance(decision, rules.Ask):
        assert not asks or NOON - asks[0].asked_at >= timedelta(days=decision.prompt.pause_days)
        assert booking is None or all((a.prompt_id, a.booking_id) != (decision.prompt.id, booking) for a in asks)
        assert decision.number == len(asks) + 1
    elif isinstance(decision, rules.OpenAsk):
        assert not decision.ask.answered
        assert NOON - decision.ask.asked_at < rules.OPEN
    elif booking is None:
        assert asks
        assert all(NOON - asks[0].asked_at < timedelta(days=p.pause_days) for p in prompts)


# asking -----------------------------------------------------------------------------------------------------------


async def test_nothing_is_asked_where_nothing_is_configured(world):
    assert await ask(world, new_id()) is None
    assert await count(world, "feedback_asked") == 0


async def test_the_configuration_is_read_once(world):
    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db)
        assert await operations.due_prompt(ctx, "confirmed", new_id(), None, None, "ios") is None
        ctx.db = None  # From here on any statement would fail, and be logged.
        assert await operations.due_prompt(ctx, "confirmed", new_id(), None, None, "ios") is None
        assert len(world.runtime.caches[operations.PROMPTS]) == 1


async def test_a_prompt_is_asked_in_the_readers_language(world):
    await configure(world, prompt(kind="nps"))
    async with world.runtime.pool.acquire() as db:
        ctx = world.context(db)
        ctx.language, ctx.languages = "de", ("de", "en")
        asked = await operations.due_prompt(ctx, "confirmed", new_id(), None, None, "ios")
    assert asked is not None
    assert (asked.step, asked.kind, asked.question) == ("confirmed", "nps", "Wie war es?")
    assert asked.scale == rules.scale_of("nps", "de")
    assert asked.scale is not None
    assert (asked.scale.min, asked.scale.max, asked.scale.min_label) == (0, 10, "Sehr unwahrscheinlich")


async def test_other_steps_zero_share_and_inactive_prompts_ask_nobody(world):
    await configure(world, prompt(step="visit"), prompt(share=0), prompt(active=False))
    assert await ask(world, new_id()) is None


async def test_an_open_ask_is_shown_again_for_a_day_and_the_pause_holds_after_it(world):
    await configure(world, prompt(pause=30))
    customer, booking = new_id(), new_id()
    first = await ask(world, customer, booking_id=booking)
    again = await ask(world, customer, NOON + timedelta(hours=23), booking_id=booking)
    assert first is not None
    assert again == first
    assert await ask(world, customer, NOON + timedelta(hours=1), booking_id=new_id()) is None
    assert await ask(world, customer, NOON + DAY, booking_id=booking) is None
    assert await ask(world, customer, NOON + 29 * DAY, booking_id=new_id()) is None
    assert await ask(world, customer, NOON + 40 * DAY, booking_id=booking) is None
    later = await ask(world, customer, NOON + 30 * DAY, booking_id=new_id())
    assert later is not None
    assert later.id != first.id
    assert await count(world, "feedback_asked") == 2


async def test_the_pause_is_across_prompts_and_the_asking_prompts_own(world):
    await configure(
        world, prompt(step="details", pause=5), prompt(step="confirmed", pause=10), prompt(step="visit", pause=0)
    )
    customer = new_id()
    assert await ask(world, customer, step="details")
    assert await ask(world, customer, NOON + 6 * DAY, step="confirmed") is None
    assert await ask(world, customer, NOON + 6 * DAY, step="visit")
    assert await ask(world, customer, NOON + 11 * DAY, step="details")
    assert await ask(world, customer, NOON + 21 * DAY, step="confirmed")
    assert await ask(world, new_id(), step="confirmed")


async def test_prompts_of_one_step_take_turns(world):
    one, other = await configure(world, prompt(pause=1), prompt(kind="text", pause=1))
    customer = new_id()
    kinds = [(await ask(world, customer, NOON + 2 * n * DAY, booking_id=new_id())).kind for n in range(4)]
    assert kinds == [one.kind, other.kind] * 2


async def test_without_a_pause_the_next_prompt_follows_the_answer_and_none_repeats_for_the_booking(api, world):
    await configure(world, prompt(pause=0), prompt(kind="text", pause=0))
    customer = new_id()
    async with world.runtime.pool.acquire() as db:
        booking = await add_booking(db, world, customer)
    headers = world.customer(customer)
    first = await ask(world, customer, booking_id=booking)
    assert first is not None
    assert (await post(api, headers, prompt_id=first.id)).status_code == 201
    second = await ask(world, customer, NOON + timedelta(minutes=1), booking_id=booking)
    assert second is not None
    assert (second.kind, second.scale) == ("text", None)
    assert (await post(api, headers, kind="text", score=None, text="Good.", prompt_id=second.id)).status_code == 201
    assert await ask(world, customer, NOON + DAY, booking_id=booking) is None


async def test_ten_answers_at_once_ask_once(world):
    await configure(world, prompt(pause=0))
    customer, booking = new_id(), new_id()
    found = await asyncio.gather(*(ask(world, customer, booking_id=booking) for _ in range(10)))
    assert {prompt.id for prompt in found if prompt} == {found[0].id}
    assert all(found)
    assert await count(world, "feedback_asked") == 1


async def test_two_bookings_at_once_ask_about_one(world):
    await configure(world, prompt(pause=1))
    customer = new_id()
    found = await asyncio.gather(*(ask(world, customer, booking_id=new_id()) for _ in range(6)))
    assert len([prompt for prompt in found if prompt]) == 1
    assert await count(world, "feedback_asked") == 1


async def test_a_rolled_back_answer_has_not_asked(world):
    await configure(world, prompt())
    customer = new_id()
    async with world.runtime.pool.acquire() as db:
        transaction = db.transaction()
        await transaction.start()
        assert await operations.due_prompt(world.context(db, now=NOON), "confirmed", customer, None, None, "ios")
        await transaction.rollback()
    assert await count(world, "feedback_asked") == 0


async def test_a_failure_leaves_the_callers_transaction_usable(world):
    await configure(world, prompt())
    async with world.runtime.pool.acquire() as db:
        await db.execute("alter table feedback_asked add constraint broken check (number < 0)")
        async with db.transaction():
            assert (
                await operations.due_prompt(world.context(db, now=NOON), "confirmed", new_id(), None, None, "ios")
                is None
            )
            assert await db.fetchval("select 1") == 1
        assert (
            await operations.due_prompt(world.context(db, now=NOON), "confirmed", new_id(), None, None, "ios") is None
        )


async def test_staff_and_keys_are_not_asked_for_the_customer(world):
    await configure(world, prompt())
    async with world.runtime.pool.acquire() as db:
        for caller in (Caller("staff", new_id(), new_id(), "owner"), Caller("key", new_id())):
            ctx = world.context(db, now=NOON, caller=caller)
            assert await operations.due_prompt(ctx, "confirmed", new_id(), None, None, "ios") is None
    assert await count(world, "feedback_asked") == 0


async def test_another_organisations_prompts_ask_nobody_here(world):
    other = await build_world(world.runtime, "Westwind")
    await configure(other, prompt())
    customer = new_id()
    assert await ask(world, customer) is None
    assert await ask(other, customer)


# over HTTP --------------------------------------------------------------------------------------------------------


async def test_get_prompt(api, world):
    customer = new_id()
    headers = {**world.customer(customer), "Accept-Language": "de"}
    none = await api.get("/v1/feedback/prompt?step=search", headers=headers)
    assert (none.status_code, none.content) == (204, b"")
    await configure(world, prompt(step="search"))
    one = await api.get("/v1/feedback/prompt?step=search", headers=headers)
    two = await api.get("/v1/feedback/prompt?step=search", headers=headers)
    assert one.status_code == 200
    assert one.json() == two.json()
    assert one.json()["question"] == "Wie war es?"
    assert one.json()["scale"] == {"min": 1, "max": 5, "min_label": "Sehr unzufrieden", "max_label": "Sehr zufrieden"}
    assert (await post(api, headers, step="search", prompt_id=one.json()["id"])).status_code == 201
    assert (await api.get("/v1/feedback/prompt?step=search", headers=headers)).status_code == 204


async def test_get_prompt_about_a_booking(api, world):
    customer = new_id()
    await configure(world, prompt(step="search"))
    async with world.runtime.pool.acquire() as db:
        booking = await add_booking(db, world, customer)
        strangers = await add_booking(db, world, new_id())
    headers = world.customer(customer)
    refused = await api.get(f"/v1/feedback/prompt?step=search&booking_id={strangers}", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    asked = await api.get(f"/v1/feedback/prompt?step=search&booking_id={booking}", headers=headers)
    answer = await post(api, headers, step="search", prompt_id=asked.json()["id"])
    assert (answer.json()["booking_id"], answer.json()["product_id"]) == (str(booking), str(world.tower.id))


async def test_get_prompt_refuses_what_it_does_not_know(api, world):
    headers = world.customer()
    for query in ("", "?step=elsewhere", "?step=visit&more=1", "?step=visit&step=visit", "?step=visit&booking_id=1"):
        assert (await api.get(f"/v1/feedback/prompt{query}", headers=headers)).status_code == 400, query
    assert (await api.get("/v1/feedback/prompt?step=visit", headers=world.app)).status_code == 403
    assert (await api.get("/v1/feedback/prompt?step=visit")).status_code == 401

"""Configuring prompts."""

from booking_api.core.ids import new_id
from booking_api.feedback.prompts import default_prompts
from tests.feedback.helpers import QUESTION, ask, configure, prompt
from tests.world import build_world

NEW = {"step": "confirmed", "kind": "csat", "question": QUESTION, "share_percent": 100, "pause_days": 30}
PATH = "/v1/feedback/prompts"


async def test_a_prompt_lives_and_dies(api, world):
    made = await api.post(PATH, json=NEW, headers=world.manager)
    assert made.status_code == 201
    found = made.json()
    assert {name: found[name] for name in NEW} == NEW
    assert found["active"] is True
    assert found["available_actions"] == ["edit", "delete"]
    customer = new_id()
    assert (await ask(world, customer)).question == "How was it?"

    changed = await api.patch(
        f"{PATH}/{found['id']}", json={"question": {"en": "And?"}, "share_percent": 40}, headers=world.owner
    )
    assert changed.status_code == 200
    assert (changed.json()["question"], changed.json()["share_percent"], changed.json()["pause_days"]) == (
        {"en": "And?"},
        40,
        30,
    )
    assert (await api.get(PATH, headers=world.key)).json() == {"items": [changed.json()]}

    assert (await api.delete(f"{PATH}/{found['id']}", headers=world.key)).status_code == 204
    assert await ask(world, customer) is None
    assert (await api.get(PATH, headers=world.key)).json() == {"items": []}
    for again in (
        await api.delete(f"{PATH}/{found['id']}", headers=world.key),
        await api.patch(f"{PATH}/{found['id']}", json={}, headers=world.key),
    ):
        assert again.status_code == 404


async def test_a_change_counts_at_once_in_this_process(api, world):
    [row] = await configure(world, prompt())
    assert await ask(world, new_id())
    assert (await api.patch(f"{PATH}/{row.id}", json={"active": False}, headers=world.manager)).status_code == 200
    assert await ask(world, new_id()) is None
    assert (await api.patch(f"{PATH}/{row.id}", json={"active": True}, headers=world.manager)).status_code == 200
    assert await ask(world, new_id())


async def test_what_was_asked_survives_its_prompt(api, world):
    [row] = await configure(world, prompt())
    customer = new_id()
    asked = await ask(world, customer)
    await api.delete(f"{PATH}/{row.id}", headers=world.manager)
    body = {"step": "confirmed", "kind": "csat", "score": 4, "prompt_id": str(asked.id)}
    assert (await api.post("/v1/feedback", json=body, headers=world.customer(customer))).status_code == 201


async def test_bad_prompts_are_refused(api, world):
    for change, pointer in (
        ({"step": "elsewhere"}, "/step"),
        ({"kind": "stars"}, "/kind"),
        ({"question": {}}, "/question"),
        ({"question": {"english!": "?"}}, "/question"),
        ({"question": {"de-AT": "?"}}, "/question"),
        ({"question": {"en": ""}}, "/question"),
        ({"question": {"en": "x" * 301}}, "/question"),
        ({"question": "How?"}, "/question"),
        ({"share_percent": 101}, "/share_percent"),
        ({"share_percent": -1}, "/share_percent"),
        ({"share_percent": 2.5}, "/share_percent"),
        ({"pause_days": -1}, "/pause_days"),
        ({"pause_days": 10**30}, "/pause_days"),
        ({"active": "yes"}, "/active"),
        ({"active": None}, "/active"),
        ({"colour": "red"}, "/colour"),
    ):
        refused = await api.post(PATH, json={**NEW, **change}, headers=world.manager)
        assert refused.status_code == 400, change
        assert refused.json()["errors"][0]["pointer"].startswith(pointer), change
    assert (await api.post(PATH, json={}, headers=world.manager)).status_code == 400
    assert (await api.get(PATH, headers=world.manager)).json() == {"items": []}


async def test_who_may(api, world):
    [row] = await configure(world, prompt())
    other = await build_world(world.runtime, "Westwind")
    for headers, status in ((world.app, 403), (world.customer(), 403), (world.agent, 403), ({}, 401)):
        assert (await api.get(PATH, headers=headers)).status_code == status
        assert (await api.post(PATH, json=NEW, headers=headers)).status_code == status
        assert (await api.patch(f"{PATH}/{row.id}", json={}, headers=headers)).status_code == status
        assert (await api.delete(f"{PATH}/{row.id}", headers=headers)).status_code == status
    assert (await api.get(PATH, headers=other.owner)).json() == {"items": []}
    assert (await api.patch(f"{PATH}/{row.id}", json={}, headers=other.owner)).status_code == 404
    assert (await api.delete(f"{PATH}/{row.id}", headers=other.key)).status_code == 404


async def test_the_list_is_paged_and_conditional(api, world):
    rows = await configure(world, *(prompt(pause=n) for n in range(5)))
    seen, cursor = [], ""
    for _ in range(3):
        page = await api.get(f"{PATH}?limit=2{cursor}", headers=world.manager)
        seen += [item["id"] for item in page.json()["items"]]
        cursor = f"&cursor={page.json().get('next_cursor')}"
    assert seen == [str(row.id) for row in rows]
    assert "next_cursor" not in page.json()
    for bad in ("limit=0", "limit=201", "cursor=nonsense", "cursor=WyJ4Il0"):
        assert (await api.get(f"{PATH}?{bad}", headers=world.manager)).status_code == 400
    whole = await api.get(PATH, headers=world.manager)
    again = await api.get(PATH, headers={**world.manager, "If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304


async def test_there_may_be_two_hundred(api, world):
    await configure(world, *(prompt() for _ in range(200)))
    refused = await api.post(PATH, json=NEW, headers=world.manager)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_prompts")


async def test_the_default_prompts_can_be_configured(world):
    rows = await configure(world, *default_prompts())
    assert [(row.step, row.kind) for row in rows] == [
        ("details", "ces"),
        ("confirmed", "csat"),
        ("visit", "csat"),
        ("visit", "text"),
    ]
    assert all(set(row.question) == {"en", "de"} for row in rows)
    assert (await ask(world, new_id())).kind == "csat"

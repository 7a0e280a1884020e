"""What people write into a booking: names, answers, addresses, each as it comes out of keyboards and address books."""

import json

import msgspec
import pytest

from booking_api.catalog.schemas import Choice, QuestionDefinition
from booking_api.core.ids import new_id
from booking_api.identity import queries as identity_queries
from tests.bookings.journey import CONTACT, hold, owner_of, visit
from tests.world import add_product

PAY = {"payment": {"method": "on_site"}}


@pytest.fixture
async def asking(world):
    """The consultant asks for everything there is, with codes that need escaping in a pointer."""

    def question(code, type_, *, required=False, choices=None):
        return QuestionDefinition(
            id=new_id(), code=code, type=type_, required=required, per="booking", label={"en": code}, choices=choices
        )

    questions = [
        question("topic", "text", required=True), question("born", "date"), question("size/cm~", "number"),
        question("a/b~c", "choice", choices=[Choice("Cafe\u0301", {"en": "Café"}), Choice("no  tea", {"en": "No tea"})]),
    ]  # fmt: skip
    product = msgspec.structs.replace(world.consultant, questions=questions)
    async with world.runtime.pool.acquire() as db:
        await add_product(db, world.org.org_id, product, version=2)
    return product


def advice(world):
    option_id = str(world.option(world.consultant, "video"))
    return {"slot_id": str(world.consultant_slots[0]), "option_id": option_id, "items": [{"unit": "adult"}]}


async def hold_advice(api, world):
    return await hold(api, world.app, advice(world))


async def test_names_and_answers_are_cleaned_on_entry(api, world, asking):
    booking = await hold_advice(api, world)
    owner = owner_of(booking)
    answer = await api.patch(
        f"/v1/bookings/{booking['id']}", headers=owner,
        json={
            "contact": {"name": " \u202eJose\u0301\u00a0 Núñez\r\n", "email": "Jose@Münch\u2010en.DE\n", "phone": "030\u20111234567 "},
            "answers": {"topic": "Line one  \r\nLine two\u200b", "a/b~c": "Café", "born": " 1990-02-28\n"},
            "items": [{"id": booking["items"][0]["id"], "name": "👨\u200d👩\u200d👧"}],
        },
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["contact"] == {"name": "José Núñez", "email": "Jose@xn--mnch-en-n2a.de", "phone": "+49301234567"}
    assert found["answers"] == {"topic": "Line one\nLine two", "a/b~c": "Café", "born": "1990-02-28"}
    assert found["items"][0]["name"] == "👨\u200d👩\u200d👧"


@pytest.mark.parametrize("blank", ["", "   ", "\u3164", "\u200b\u00ad", "\u202e", "\n\t"])
async def test_what_shows_nothing_is_missing(api, world, asking, blank):
    held = await hold(api, world.app, {**advice(world), "answers": {"topic": blank}})
    assert "answers" not in held
    await api.post(f"/v1/bookings/{held['id']}/cancel", headers=owner_of(held))
    booking = await hold_advice(api, world)
    owner, path = owner_of(booking), f"/v1/bookings/{booking['id']}"
    edited = await api.patch(path, json={"answers": {"topic": blank}}, headers=owner)
    assert edited.status_code == 200
    assert "answers" not in edited.json()
    refused = await api.post(f"{path}/confirm", json={"contact": {**CONTACT, "name": blank}}, headers=owner)
    assert (refused.status_code, refused.json()["code"]) == (409, "details_missing")
    assert refused.json()["missing"] == [
        {"pointer": "/contact/name", "code": "name_required"},
        {"pointer": "/answers/topic", "code": "answer_required"},
    ]


async def test_a_name_for_each_person_may_not_be_blank_either(api, world):
    booking = await hold(
        api, world.app,
        {"slot_id": str(world.flight_slots[0]), "option_id": str(world.option(world.flight, "flex")), "items": [{"unit": "adult", "name": "\u2800"}]},
    )  # fmt: skip
    assert "name" not in booking["items"][0]
    refused = await api.post(
        f"/v1/bookings/{booking['id']}/confirm", json={"contact": CONTACT, **PAY}, headers=owner_of(booking)
    )
    assert refused.json()["missing"] == [{"pointer": "/items/0/name", "code": "name_required"}]


@pytest.mark.parametrize("filler", ["\u3164", "\uffa0\u115f", "\u2800", "\u00ad", "\u202e\u200b"])
async def test_nor_may_one_that_was_kept_from_before(api, world, asking, filler):
    """Fillers are letters and symbols by their category; what was written earlier was never cleaned."""
    booking = await hold_advice(api, world)
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking set contact = $2, answers = $3 where org_id = $1",
            world.org.org_id, {**CONTACT, "name": filler}, {"topic": filler},
        )  # fmt: skip
    shown = (await api.get(f"/v1/bookings/{booking['id']}", headers=owner_of(booking))).json()
    assert [one["code"] for one in shown["missing"]] == ["name_required", "answer_required"]
    refused = await api.post(f"/v1/bookings/{booking['id']}/confirm", json=PAY, headers=owner_of(booking))
    assert (refused.status_code, refused.json()["code"]) == (409, "details_missing")


@pytest.mark.parametrize(
    "address", [{"email": "ada@example.org"}, {"phone": "030 1234567"}, {"phone": "+1 212 555 0100", "email": " "}]
)
async def test_a_name_and_one_address_will_do(api, world, address):
    booking = await hold(api, world.app, visit(world, "adult"))
    confirmed = await api.post(
        f"/v1/bookings/{booking['id']}/confirm",
        json={"contact": {"name": "Ada", **address}, **PAY},
        headers=owner_of(booking),
    )
    assert confirmed.status_code == 200, confirmed.text
    assert set(confirmed.json()["contact"]) == {"name", *(kind for kind, value in address.items() if value.strip())}
    # A returning customer's is known, whichever of the two it was.
    again = await hold(api, owner_of(booking), visit(world, "adult", confirm=True, **PAY))
    assert (again["status"], again["contact"]) == ("confirmed", confirmed.json()["contact"])


async def test_a_name_alone_is_not_enough(api, world):
    booking = await hold(api, world.app, visit(world, "adult"))
    refused = await api.post(
        f"/v1/bookings/{booking['id']}/confirm", json={"contact": {"name": "Ada"}, **PAY}, headers=owner_of(booking)
    )
    assert (refused.status_code, refused.json()["missing"]) == (
        409, [{"pointer": "/contact/email", "code": "address_required"}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("contact", "pointer"),
    [
        ({"email": "ada@localhost"}, "/contact/email"), ({"email": "a@b.co, c@d.co"}, "/contact/email"), ({"email": "a\nBcc: x@y.zz@b.co"}, "/contact/email"),
        ({"phone": "030 12 34 ext. 5"}, "/contact/phone"), ({"phone": "call me"}, "/contact/phone"), ({"name": "x" * 201}, "/contact/name"),
        ({"name": "e" + "\u0301" * 3000}, "/contact/name"),
    ],
)  # fmt: skip
async def test_what_can_not_be_read_is_refused_in_words(api, world, contact, pointer):
    booking = await hold(api, world.app, visit(world, "adult"))
    path = f"/v1/bookings/{booking['id']}"
    refused = await api.patch(path, json={"contact": {**CONTACT, **contact}}, headers=owner_of(booking))
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert not set("\\^$`[]") & set(error["detail"])
    assert "contact" not in (await api.get(path, headers=owner_of(booking))).json()


async def test_lengths_count_what_people_see(api, world):
    family = "👨\u200d👩\u200d👧\u200d👦"
    booking = await hold(api, world.app, visit(world, "adult"))
    item = booking["items"][0]["id"]
    for name, status in ((family * 200, 200), (family * 201, 400), ("ế" * 200, 200)):
        answer = await api.patch(
            f"/v1/bookings/{booking['id']}", json={"items": [{"id": item, "name": name}]}, headers=owner_of(booking)
        )
        assert answer.status_code == status


@pytest.mark.parametrize("date", ["2026-1-5", "20260105", "2026-W01-1", "٢٠٢٦-٠١-٠٥", "2026-02-30", "2026-01-05T00:00", "5.1.2026", "２０２６-01-05", "2026–01–05", "0000-01-01", "+2026-01-05"])  # fmt: skip
async def test_dates_are_iso_8601_or_refused(api, world, asking, date):
    booking = await hold_advice(api, world)
    refused = await api.patch(
        f"/v1/bookings/{booking['id']}", json={"answers": {"born": date}}, headers=owner_of(booking)
    )
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/answers/born")


async def test_pointers_are_escaped(api, world, asking):
    booking = await hold_advice(api, world)
    path = f"/v1/bookings/{booking['id']}"
    for answers, pointer in (
        ({"a/b~c": "beer"}, "/answers/a~1b~0c"),
        ({"size/cm~": "tall"}, "/answers/size~1cm~0"),
        ({"no/such~1": "x"}, "/answers/no~1such~01"),
    ):
        refused = await api.patch(path, json={"answers": answers}, headers=owner_of(booking))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    refused = await api.patch(path, json={"a/b~": 1}, headers=owner_of(booking))
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/a~1b~0")
    refused = await api.get("/v1/places?a/b~=1", headers=world.app)
    assert refused.json()["errors"][0]["pointer"] == "/query/a~1b~0"


async def sent_codes(world):
    await relay_all(world)
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval("select count(*) from mailbox where org_id = $1", world.org.org_id)


async def relay_all(world):
    from booking_api.bookings import jobs
    from booking_api.core.db.event_queries import StoredEvent

    async with world.runtime.pool.acquire() as db:
        rows = await db.fetch(
            "update event set relayed_at = created_at where type = 'recovery.requested' and relayed_at is null "
            "returning org_id, id, type, subject_id, data, created_at"
        )
    for row in rows:
        await jobs.send_recovery_code(world.runtime, StoredEvent(**dict(row)))


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "JÖRG@münchen.de"}, {"email": "jörg@XN--MNCHEN-3YA.de."}, {"email": " jo\u0308rg@mu\u0308nchen.de\n"}, {"phone": "030 / 901820"},
        {"phone": "0049 30 901820"}, {"phone": "+49 (0)30\u2011901820"},
    ],
)  # fmt: skip
async def test_recovery_finds_the_owner_however_the_address_is_written(api, world, asked):
    contact = {"name": "Jörg", "email": "jörg@münchen.de", "phone": "+49 30 901820"}
    booking = await hold(api, world.app, visit(world, "adult", confirm=True, contact=contact, **PAY))
    answer = await api.post("/v1/tokens/recover", json={"reference": booking["reference"], **asked}, headers=world.app)
    assert answer.status_code == 202, answer.text
    assert await sent_codes(world) == 1


async def test_numbers_that_were_kept_as_they_were_typed_are_found_too(api, world):
    booking = await hold(api, world.app, visit(world, "adult", confirm=True, contact=CONTACT, **PAY))
    async with world.runtime.pool.acquire() as db:
        await db.execute(
            "update booking set contact = $2 where org_id = $1",
            world.org.org_id, {"name": "Ada", "email": "Ada@Example.ORG ", "phone": "(030) 12 34 567"},
        )  # fmt: skip
    for asked in ({"phone": "+49301234567"}, {"email": "ada@example.org"}):
        body = {"reference": booking["reference"], **asked}
        assert (await api.post("/v1/tokens/recover", json=body, headers=world.app)).status_code == 202
    assert await sent_codes(world) == 2


async def test_the_organisations_own_country_counts(api, world):
    async with world.runtime.pool.acquire() as db:
        await identity_queries.set_country(db, world.org.org_id, "US")
    booking = await hold(api, world.app, visit(world, "adult"))
    answer = await api.patch(
        f"/v1/bookings/{booking['id']}", content=json.dumps({"contact": {"name": "Ada", "phone": "(212) 555-0100"}}),
        headers=owner_of(booking),
    )  # fmt: skip
    assert answer.json()["contact"]["phone"] == "+12125550100"

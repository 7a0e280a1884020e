"""What is wrong, in words and in the caller's language; never a pattern, a type of ours, or a message of the decoder."""

import json
import re

import pytest

from tests.bookings.journey import visit

GERMAN = {"Accept-Language": "de-AT, en;q=0.5"}
TELLTALE = re.compile(
    r"`(?:str|int|float|array|object|bool|null|uuid|datetime)`|regex|\^|\\|Expected|Invalid|malformed|\$\."
)


def bodies(world):
    """What can be wrong with the form of a body, and where."""
    wish = visit(world, "adult")
    item = wish["items"][0]
    return [
        ({**wish, "slot_id": "x"}, "/slot_id"), ({**wish, "slot_id": 7}, "/slot_id"), ({**wish, "slot_id": None}, "/slot_id"), ({**wish, "items": []}, "/items"),
        ({**wish, "items": [item] * 21}, "/items"), ({**wish, "items": {}}, "/items"), ({**wish, "items": [{**item, "name": 7}]}, "/items/0/name"),
        ({**wish, "items": [{**item, "na/me": "x"}]}, "/items/0/na~1me"), ({**wish, "confirm": "yes"}, "/confirm"), ({**wish, "contact": []}, "/contact"),
        ({**wish, "payment": {"method": "gold"}}, "/payment/method"), ({**wish, "payment": {}}, "/payment/method"), ({**wish, "payment": {"method": "test", "token": ""}}, "/payment/token"),
        ({**wish, "expected_total": {"amount": 1.5, "currency": "EUR"}}, "/expected_total/amount"), ({**wish, "expected_total": {"amount": 2**60, "currency": "EUR"}}, "/expected_total/amount"),
        ({**wish, "items": [{**item, "unit": ""}]}, "/items/0/unit"), ({**wish, "items": [{**item, "unit": "\u200b"}]}, "/items/0/unit"), ({**wish, "contact": {"name": "x" * 201}}, "/contact/name"),
        ({**wish, "contact": {"name": "x", "email": "y"}}, "/contact/email"), ({**wish, "answers": {"language": [1]}}, "/answers"), ([], ""), ("text", ""), (None, ""), (7, ""),
    ]  # fmt: skip


RAW = [
    b"",
    b"{",
    b"{'a': 1}",
    b'{"a": tru}',
    b'{"a": 1} x',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"slot_id": "\\u0000"}',
    b'{"expected_total": {"amount": 1e999, "currency": "EUR"}}',
]


@pytest.mark.parametrize("language", ["en", "de"])
async def test_what_does_not_fit_is_said_in_words(api, world, language):
    asked = {**world.app, "Accept-Language": language, "Content-Type": "application/json"}
    sent = [(json.dumps(body).encode(), pointer) for body, pointer in bodies(world)] + [(raw, None) for raw in RAW]
    for content, pointer in sent:
        answer = await api.post("/v1/bookings", content=content, headers=asked)
        if pointer is None and answer.status_code == 201:
            continue
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (400, "invalid"), content[:200]
        assert answer.headers["content-language"] == language
        assert not TELLTALE.search(problem["detail"]), (content[:200], problem["detail"])
        assert problem["title"] == {"en": "The request is not valid", "de": "Die Anfrage ist nicht gültig"}[language]
        assert re.match(r"^[A-ZÄÖÜ].*\.$", problem["detail"], re.DOTALL)
        if language == "de":
            assert not re.search(r"\b(the|must|Give|This|here)\b", problem["detail"]), problem["detail"]
        for error in problem["errors"]:
            assert not TELLTALE.search(error["detail"]), error
        if pointer is not None:
            assert problem["errors"][0]["pointer"] == pointer, problem


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=1.5", "limit=", "from=2026-1-5", "from=20260105", "from=2026-W01-1", "from=%D9%A2%D9%A0%D9%A2%D9%A6-01-05", "from=2026-02-30",
     "sort=up", "units=adult", "units=adult:2,", "product_id=x", "x=1", "limit=1&limit=2", "origin=", "from=null", "cursor=%00"],
)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "de"])
async def test_so_are_parameters(api, world, query, language):
    answer = await api.get(f"/v1/availability?{query}", headers={**world.app, "Accept-Language": language})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid"), problem
    assert problem["errors"][0]["pointer"].startswith("/query/")
    assert not TELLTALE.search(problem["detail"]), problem["detail"]
    if language == "de":
        assert not re.search(r"\b(the|must|Give|This|here)\b", problem["detail"]), problem["detail"]


@pytest.mark.parametrize("name", ["Ada \\ud83d", "\\uD83D!", "\\udc00", "\\ud83d\\u0041", "\\\\\\ud83d"])
async def test_half_a_character_is_said_to_be_one(api, world, name):
    """An app that cuts a text by its length cuts an emoji in two."""
    body = json.dumps({**visit(world, "adult"), "contact": {"name": "NAME"}}).replace("NAME", name)
    headers = {**world.app, "Content-Type": "application/json"}
    refused = await api.post("/v1/bookings", content=body, headers=headers)
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        "A text ends within a character, such as half an emoji.",
    )
    whole = body.replace("\\ud83d", "\\ud83d\\ude00").replace("\\uD83D", "\\ud83d\\ude00").replace("\\udc00", "x")
    assert (await api.post("/v1/bookings", content=whole, headers=headers)).status_code == 201
    cut = await api.post("/v1/bookings", content=whole[:-2], headers=headers)
    assert cut.json()["detail"] == "The JSON ends too early."


async def test_choices_are_named(api, world):
    refused = await api.get("/v1/availability?sort=up", headers=world.app)
    assert refused.json()["detail"] == "Give one of these: price, start." or refused.json()["detail"].startswith(
        "Give one of these: "
    )
    refused = await api.get("/v1/availability?sort=up", headers={**world.app, **GERMAN})
    assert refused.json()["detail"].startswith("Geben Sie eines davon an: ")


async def test_numbers_of_things_are_right(api, world):
    async with world.runtime.pool.acquire() as db:
        await db.execute("update slot set capacity = 0 where id = $1", world.tower_slots[0])
    for units, english, german in (
        (["adult"], "There is no place left.", "Es ist kein Platz mehr frei."),
        (["adult", "child"], "There are not 2 places left.", "Es sind keine 2 Plätze mehr frei."),
    ):
        for headers, said in (({}, english), (GERMAN, german)):
            refused = await api.post("/v1/bookings", json=visit(world, *units), headers={**world.app, **headers})
            assert (refused.json()["code"], refused.json()["detail"]) == ("sold_out", said)


async def test_refusals_without_a_credential_are_in_the_callers_language_too(api, world):
    refused = await api.get("/v1/me/bookings", headers=GERMAN)
    assert (refused.status_code, refused.headers["content-language"]) == (401, "de")
    assert refused.json()["title"] == "Ein gültiger Zugang ist nötig"
    for asked in ("de_DE", "DE", "fr, de-ch;q=0.5", "de-CH-1996"):
        refused = await api.get("/v1/nowhere", headers={"Accept-Language": asked})
        assert refused.headers["content-language"] == "de", asked
    refused = await api.get("/v1/nowhere", headers={"Accept-Language": "fr"})
    assert (refused.json()["detail"], refused.headers["content-language"]) == ("There is nothing at this path.", "en")

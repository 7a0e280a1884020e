"""The log: each line of a request names the organisation and the credential; none names a person or holds a secret."""

import asyncio
import json
from base64 import b64encode
from uuid import UUID, uuid4

import asyncpg
import httpx
import msgspec
import pytest

from booking_api import worker
from booking_api.app import create_app
from booking_api.core.clock import utc_now
from booking_api.core.log import configure_logging, format_traceback, log, words_of
from booking_api.identity import notifier, tokens
from booking_api.identity.notifier import Message
from booking_api.run.lifetime import open_runtime
from tests.bookings.journey import CONTACT, party, visit
from tests.contract.scene import CALLS, PROVIDER_URL, build_scene
from tests.identity.mail_server import mail_server
from tests.world import build_world

NAME, EMAIL, PHONE, CODE = "Grace Hopper-Murray", "grace.hopper@navy.example", "+49 170 5550199", "7K4QM-2X9VB"
LINES = {"application/x-ndjson", "application/jsonl"}


class Written:
    """What goes to standard error from here on."""

    def __init__(self, capsys):
        self.capsys, self.text = capsys, ""

    def getvalue(self):
        self.text += self.capsys.readouterr().err
        return self.text

    def clear(self):
        self.getvalue()
        self.text = ""


@pytest.fixture
def written(capsys):
    return Written(capsys)


@pytest.fixture
async def logging_api(written, settings):
    changed = msgspec.structs.replace(settings, log_level="debug", log_format="json", test_provider_url=PROVIDER_URL)
    async with open_runtime(changed) as runtime:
        app = create_app(changed)
        app.state.runtime = runtime
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://testserver"
        ) as api:
            yield api
    configure_logging(settings)


def log_everything(settings):
    """Once more in the test itself, where standard error is what the test reads."""
    configure_logging(msgspec.structs.replace(settings, log_level="debug", log_format="json"))


def lines(written):
    return [json.loads(line) for line in written.getvalue().splitlines()]


SECRET_MEMBERS = {"access_token", "refresh_token", "key", "code", "reference", "token"}


def secrets_in(value, name=""):
    """What nobody may read in a log: tokens, keys, codes, references, and whatever looks like text about a person."""
    if isinstance(value, dict):
        for member, part in value.items():
            yield from secrets_in(part, member)
    elif isinstance(value, list):
        for part in value:
            yield from secrets_in(part, name)
    elif isinstance(value, str) and name in SECRET_MEMBERS and len(value) > 5:
        yield value


async def test_over_many_requests_nobody_is_named_and_nothing_secret_is_told(logging_api, written, settings):
    log_everything(settings)
    api, runtime = logging_api, logging_api._transport.app.state.runtime
    never = {
        NAME,
        EMAIL,
        PHONE,
        PHONE.replace(" ", ""),
        PHONE.replace(" ", "").lstrip("+"),
        CODE,
        *CONTACT.values(),
        "Passenger 1",
        "Two taps and done",
        "Hopper",
    }

    async def remember(answer):
        await answer.aread()
        never.update(answer.request.headers.get("authorization", "").split()[1:])
        if "json" in answer.headers.get("content-type", "") and answer.content:
            for line in answer.content.splitlines() if answer.headers["content-type"] in LINES else [answer.content]:
                never.update(secrets_in(json.loads(line)))

    api.event_hooks["response"] = [remember]
    world = await build_world(runtime)
    scene = await build_scene(api, world)
    callers = {"nobody": {}, "app": world.app, "customer": scene.customer, "owner": world.owner, "key": world.key}
    for make in CALLS.values():
        for headers in callers.values():
            call = make(scene)
            await call.send(api, headers)
            # The same with a person in each place where a client may put one by mistake.
            for found in (NAME, EMAIL) if headers is world.app else ():
                wrong = dict.fromkeys(call.parameters, found)
                path = call.path.format(**{**call.parameters, **wrong})
                await api.request(
                    call.method,
                    path,
                    params={**call.query, "name": found},
                    json={"name": found, found: [CODE]},
                    headers=headers,
                )
    for headers in (
        {"Authorization": f"Bearer {EMAIL}"},
        {"X-Request-Id": EMAIL, "User-Agent": NAME, "Referer": f"https://x/?{EMAIL}"},
        {"X-Request-Id": NAME.replace(" ", "-"), "Journey-Id": EMAIL, "X-Forwarded-For": EMAIL, "Origin": EMAIL},
        {"X-Request-Id": PHONE.replace(" ", "").lstrip("+"), "Cookie": EMAIL, "Idempotency-Key": f"{EMAIL} {PHONE}"},
    ):
        await api.get(f"/v1/bookings/{uuid4()}", headers=headers)
    await api.get("/v1/" + EMAIL, headers=world.owner)
    await api.post("/v1/bookings", content=b"{" + EMAIL.encode(), headers=world.app)
    contact = {"name": NAME, "email": EMAIL, "phone": PHONE}
    for wish in (party(world, "adult", contact=contact), visit(world, "adult", contact={**contact, "email": NAME})):
        await api.post("/v1/bookings", json=wish, headers=world.app)
    found = lines(written)
    assert len([line for line in found if line["event"] == "request"]) > 400
    text = written.getvalue()
    assert {word for word in never if word and word in text} == set()


async def test_each_line_of_a_request_names_the_organisation_and_the_credential(
    logging_api, written, monkeypatch, settings
):
    log_everything(settings)
    api, runtime = logging_api, logging_api._transport.app.state.runtime
    world, other = await build_world(runtime), await build_world(runtime, "Westwind")
    written.clear()

    def claims(headers):
        return tokens.read(runtime.vault, headers["Authorization"].split()[1], "access", utc_now())

    for of, headers, status in (
        (world, world.owner, 200), (other, other.owner, 200), (world, world.agent, 403), (world, world.customer(), 403),
    ):  # fmt: skip
        written.clear()
        assert (await api.get("/v1/staff", headers=headers)).status_code == status
        await asyncio.sleep(0)  # Lines are written right after the answers.
        [line] = lines(written)
        assert (line["org_id"], line["credential_id"]) == (str(of.org.org_id), str(claims(headers).session_id))
        assert str(claims(headers).subject_id) not in written.getvalue()
    written.clear()
    await api.get("/v1/places", headers=world.key)
    await asyncio.sleep(0)
    [line] = lines(written)
    assert UUID(line["credential_id"]) in [key.id for key in await keys_of(runtime, world)]
    # A line that isn't the request's own; and what came before belongs to nobody who comes after.
    monkeypatch.setattr("booking_api.identity.administration.list_staff", explode)
    written.clear()
    assert (await api.get("/v1/staff", headers=world.owner)).status_code == 500
    await asyncio.sleep(0)
    failed, asked = lines(written)
    assert failed["event"] == "request.failed"
    assert (failed["org_id"], failed["credential_id"]) == (asked["org_id"], asked["credential_id"])
    written.clear()
    await api.get("/v1/staff")
    await api.get("/.well-known/jwks.json")
    await asyncio.sleep(0)
    assert [("org_id" in line, "credential_id" in line) for line in lines(written)] == [(False, False)] * 2


async def keys_of(runtime, world):
    from booking_api.identity import queries

    async with runtime.pool.acquire() as db:
        return await queries.list_keys(db, world.org.org_id, None, 10)


async def explode(*_):
    try:
        int(f"no number: {NAME} {PHONE}")
    except ValueError as error:
        raise RuntimeError(f"could not read {EMAIL!r} of {NAME!r}, code {CODE}") from error


async def test_a_traceback_tells_where_and_not_of_whom(logging_api, written, monkeypatch, settings):
    log_everything(settings)
    api, runtime = logging_api, logging_api._transport.app.state.runtime
    world = await build_world(runtime)
    monkeypatch.setattr("booking_api.identity.administration.list_staff", explode)
    assert (await api.get("/v1/staff", headers=world.owner)).status_code == 500
    told = next(line for line in lines(written) if line["event"] == "request.failed")["exception"]
    assert "RuntimeError: could not read … of …, code …" in told
    assert "ValueError: invalid literal for int() with base 10: …" in told
    assert "in explode" in told
    for word in ("Hopper-Murray", EMAIL, "5550199", CODE):
        assert f"{word}'" not in told.replace("NAME", "")
        assert word not in told


async def test_an_error_of_the_database_is_told_by_its_code(world):
    insert = (
        "insert into customer (org_id, id, email, locale, created_at, updated_at) values ($1, $1, $2, 'en', $3, $3)"
    )
    values = (world.org.org_id, EMAIL, utc_now())
    async with world.runtime.pool.acquire() as db:
        await db.execute(insert, *values)
        with pytest.raises(asyncpg.UniqueViolationError) as broken:
            await db.execute(insert, *values)
    assert "Key" in str(broken.value.detail)
    assert words_of(broken.value) == "23505 customer customer_pkey"
    assert EMAIL not in format_traceback(broken.value)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("'kind'", "…"), ('no column "name"', "no column …"), ("bad 'Ada Lovelace'", "bad …"),
        ("Key (email)=(ada@x.org) exists", "Key … exists"), (f"to {EMAIL}: gone", "to … gone"), ("call 030/901 820-1 now", "call … now"),
        ("token " + "eyJhbGciOiJIUzI1NiJ9.e30.x" , "token ….e30.x"), ("", ""), ("x" * 10 + " " + "y " * 400, ("x" * 10 + " " + "y " * 400)[:500]),
    ],
)  # fmt: skip
def test_what_an_exception_quotes_is_left_out(said, told):
    assert words_of(ValueError(said)) == told


async def test_mail_and_mailbox_tell_nobody(written, settings, world):
    configure_logging(msgspec.structs.replace(settings, log_level="debug", log_format="json"))
    given = Message(org_id=world.org.org_id, recipient=EMAIL, subject=NAME, body=CODE, created_at=utc_now())
    await notifier.send(world.runtime, given)
    async with mail_server() as (server, port):
        runtime = world.runtime
        runtime.settings = msgspec.structs.replace(
            runtime.settings, smtp_url=f"smtp://{NAME.partition(' ')[0]}:hush@127.0.0.1:{port}", mail_from="a@b.example"
        )
        try:
            await notifier.send(runtime, given)
        except Exception as error:
            log.warning("job.failed", exc_info=error)
        runtime.settings = msgspec.structs.replace(runtime.settings, smtp_url=f"smtp://127.0.0.1:{port}")
        server.to_recipient = lambda address: f"550 {address} is unknown"
        await notifier.send(runtime, given)
        server.to_recipient = lambda address: f"450 {address} is busy"
        try:
            await notifier.send(runtime, given)
        except Exception as error:
            log.warning("job.failed", exc_info=error)
    configure_logging(settings)
    text = written.getvalue()
    assert "message.refused" in text
    assert text.count("job.failed") == 2
    for word in (EMAIL, NAME, CODE, "hush", b64encode(b"hush").decode()):
        assert word not in text


async def test_a_part_of_the_worker_that_fails_tells_nobody(written, settings, monkeypatch):
    log_everything(settings)
    stop = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError(f"could not send to {EMAIL}, of {NAME!r}, code {CODE}")

    async def no_pause(_stop: asyncio.Event, _seconds: float) -> None:
        stop.set()

    monkeypatch.setattr(worker, "pause", no_pause)
    await worker.keep_running("jobs", fail, stop)
    configure_logging(settings)
    [line] = lines(written)
    assert (line["event"], line["error"]) == ("worker.part_failed", "RuntimeError: could not send to … of …, code …")

"""Mail by SMTP: what is sent, to whom, over which connection, and what becomes of what fails."""

import asyncio
import socket
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
import pytest

from booking_api import worker
from booking_api.bookings.jobs import send_recovery_code
from booking_api.core.db.event_queries import StoredEvent
from booking_api.core.process import StartFailed
from booking_api.core.settings import Settings
from booking_api.identity import notifier, smtp
from booking_api.identity.notifier import Message
from booking_api.run.doctor import examine
from booking_api.run.lifetime import open_runtime
from booking_api.run.starting import check_mail
from tests.bookings.journey import CONTACT, confirm, hold, owner_of, visit
from tests.identity.mail_server import PASSWORD, USER, MailServer, mail_server, make_certificate

FROM = "Ostwind Reisen <tickets@example.org>"


def now() -> datetime:
    return datetime.now(UTC)


def message(world, **changes):
    given = {"recipient": "ada@example.org", "subject": "Your code", "body": "7K4QM-2X9VB\n", "created_at": now()}
    return Message(org_id=world.org.org_id, **{**given, **changes})


def sending(world, port, scheme="smtp", options="", user="", sender=FROM):
    """The world's runtime, with this server."""
    runtime = world.runtime
    runtime.settings = msgspec.structs.replace(
        runtime.settings, smtp_url=f"{scheme}://{user}127.0.0.1:{port}{options}", mail_from=sender
    )
    return runtime


async def mailbox(world):
    async with world.runtime.pool.acquire() as db:
        return await db.fetchval("select count(*) from mailbox")


# what is sent -----------------------------------------------------------------------------------------------------


async def test_a_message_arrives_as_it_was_meant(world):
    async with mail_server() as (server, port):
        given = message(world, subject="Ihr Code für Zürich ✈", body="Grüße\nvon uns\n")
        await notifier.send(sending(world, port), given)
    [mail], [envelope] = server.messages, server.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tickets@example.org", ["ada@example.org"])
    assert mail["From"] == FROM
    assert mail["To"] == "ada@example.org"
    assert mail["Subject"] == "Ihr Code für Zürich ✈"
    assert mail["Message-ID"] == f"<{given.id.hex}@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == given.created_at.replace(microsecond=0)
    assert mail.get_content().replace("\r\n", "\n") == "Grüße\nvon uns\n"
    assert await mailbox(world) == 0


@pytest.mark.parametrize(
    "subject",
    [
        "Code\r\nBcc: eve@example.org",
        "Code\nX: y\n\nbody",
        "Code\r",
        "a\x00b",
        "x\u2028Bcc: eve@example.org",
        "\x85Bcc: e@x.org",
    ],
)
async def test_a_subject_begins_no_header(world, subject):
    async with mail_server() as (server, port):
        await notifier.send(sending(world, port), message(world, subject=subject, body=".\r\n.\r\nQUIT\r\n"))
    [mail] = server.messages
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert server.taken[0].rcpt_tos == ["ada@example.org"]
    assert "QUIT" in mail.get_content(), "a line with a dot alone doesn't end the message"


@pytest.mark.parametrize(
    "recipient",
    [
        "ada@example.org\r\nRCPT TO:<eve@example.org>", "ada@example.org\nBcc: eve@example.org", "ada@example.org, eve@example.org",
        "<eve@example.org>", "Ada <ada@example.org>", "ada@example.org eve@example.org", "@example.org", "ada@", "a@b@c",
        "ada@example.org\u2028", "ada@exam\u202eple.org", "ada@example.org>", '"a b"@example.org',
    ],
)  # fmt: skip
async def test_what_is_not_one_address_is_sent_nowhere(world, recipient):
    async with mail_server() as (server, port):
        await notifier.send(sending(world, port), message(world, recipient=recipient))
    assert server.taken == []


async def test_a_phone_is_no_mail_and_waits_in_the_mailbox(world):
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        await notifier.send(runtime, message(world, recipient="+49301234567"))
        assert notifier.delivers(runtime.settings, "email")
        assert not notifier.delivers(runtime.settings, "phone")
    assert server.taken == []
    assert await mailbox(world) == 1
    assert not notifier.delivers(Settings(), "email")


async def test_sent_again_it_is_recognised_by_its_id(world):
    async with mail_server() as (server, port):
        runtime, given = sending(world, port), message(world)
        for _ in range(2):
            await notifier.send(runtime, given)
        await notifier.send(runtime, message(world))
    ids = [mail["Message-ID"] for mail in server.messages]
    assert ids[0] == ids[1] != ids[2]


# connections ------------------------------------------------------------------------------------------------------


async def test_one_connection_carries_many_and_not_for_ever(world, monkeypatch):
    monkeypatch.setattr(smtp, "MOST_MESSAGES", 3)
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        for _ in range(7):
            await notifier.send(runtime, message(world))
    assert len(server.taken) == 7
    assert server.connections == 3


async def test_many_at_once_share_few_connections(world):
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        await asyncio.gather(*(notifier.send(runtime, message(world)) for _ in range(30)))
    assert len(server.taken) == 30
    assert server.connections <= smtp.MOST_CONNECTIONS


async def test_a_connection_that_the_server_ended_meanwhile_loses_nothing(world):
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        await notifier.send(runtime, message(world))
        server.transports[0].transport.abort()
        await asyncio.sleep(0.05)
        await notifier.send(runtime, message(world))
        assert len(server.taken) == 2


async def test_a_process_that_ends_leaves_no_connection(settings, world):
    async with mail_server() as (server, port):
        changed = msgspec.structs.replace(settings, smtp_url=f"smtp://127.0.0.1:{port}", mail_from=FROM)
        async with open_runtime(changed) as runtime:
            await notifier.send(runtime, message(world))
        for _ in range(100):
            if server.transports[0].transport is None or server.transports[0].transport.is_closing():
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the connection is still open")


# failures ---------------------------------------------------------------------------------------------------------


async def test_a_refusal_for_good_is_not_tried_again(world):
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        server.to_recipient = lambda address: f"550 5.1.1 {address} does not exist"
        await notifier.send(runtime, message(world))
        server.to_recipient, server.to_data = lambda _: None, lambda: "554 5.7.1 looks like spam"
        await notifier.send(runtime, message(world))
        assert server.taken == []
        server.to_data = lambda: None
        await notifier.send(runtime, message(world))
    assert len(server.taken) == 1


@pytest.mark.parametrize("where", ["recipient", "data"])
async def test_a_refusal_for_now_is_tried_again_and_names_nobody(world, where):
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        if where == "recipient":
            server.to_recipient = lambda address: f"450 4.2.1 {address} is greylisted"
        else:
            server.to_data = lambda: "451 4.3.0 ada@example.org later"
        with pytest.raises(smtp.MailNotSent) as failed:
            await notifier.send(runtime, message(world))
        assert "ada" not in str(failed.value)
        assert str(failed.value).endswith("(450)" if where == "recipient" else "(451)")
        assert failed.value.__suppress_context__
        server.to_recipient, server.to_data = lambda _: None, lambda: None
        await notifier.send(runtime, message(world))
    assert len(server.taken) == 1


async def test_taken_and_never_acknowledged_it_comes_again_under_the_same_id(world):
    async with mail_server() as (server, port):
        runtime, given = sending(world, port), message(world)
        server.hang_up_after_taking = True
        with pytest.raises(smtp.MailNotSent):
            await notifier.send(runtime, given)
        server.hang_up_after_taking = False
        await notifier.send(runtime, given)
    assert len({mail["Message-ID"] for mail in server.messages}) == 1
    assert len(server.taken) == 2


async def test_a_server_that_sleeps_is_left_in_time(world):
    async with mail_server() as (server, port):
        server.sleep_seconds = 30
        with pytest.raises(smtp.MailNotSent, match="Timeout"):
            await notifier.send(sending(world, port, options="?timeout=0.2"), message(world))


async def test_a_server_that_says_nothing_is_left_in_time(world, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(smtp.MailNotSent):
            await notifier.send(sending(world, port, options="?timeout=0.2"), message(world))
        monkeypatch.setattr(smtp, "WHOLE_SECONDS", 0.3)
        with pytest.raises(smtp.MailNotSent):
            await notifier.send(sending(world, port, options="?timeout=0.3"), message(world))


async def test_nobody_there_is_tried_again(world):
    async with mail_server() as (_, port):
        pass
    with pytest.raises(smtp.MailNotSent):
        await notifier.send(sending(world, port), message(world))


# who one is, and that nobody listens ------------------------------------------------------------------------------

LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls", "smtp"])
async def test_user_and_password_over_tls(world, tmp_path, scheme):
    context, trusted = make_certificate(tmp_path)
    how = {"tls": context} if scheme == "smtps" else {"starttls": context}
    async with mail_server(**how, users=True) as (server, port):
        runtime = sending(world, port, scheme, f"?ca_file={trusted}", LOGIN)
        await notifier.send(runtime, message(world))
        assert len(server.taken) == 1


async def test_a_wrong_password_is_tried_again_and_never_told(world, tmp_path):
    context, trusted = make_certificate(tmp_path)
    async with mail_server(tls=context, users=True) as (server, port):
        with pytest.raises(smtp.MailNotSent, match=r"535") as failed:
            await notifier.send(sending(world, port, "smtps", f"?ca_file={trusted}", "me:hush@"), message(world))
        assert "hush" not in str(failed.value)
        assert server.taken == []


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(world, tmp_path):
    context, _ = make_certificate(tmp_path)
    async with mail_server(tls=context) as (server, port):
        with pytest.raises(smtp.MailNotSent):
            await notifier.send(sending(world, port, "smtps"), message(world))
        assert server.taken == []


async def test_starttls_that_is_required_is_not_done_without(world):
    async with mail_server() as (server, port):
        with pytest.raises(smtp.MailNotSent):
            await notifier.send(sending(world, port, "smtp+starttls"), message(world))
        assert server.taken == []


def read(url, sender=FROM):
    return smtp.read_server(Settings(smtp_url=url, mail_from=sender))


def test_what_a_url_means():
    found = read(f"smtps://{LOGIN}mail.example.org?timeout=3&ca_file=/etc/ca.pem")
    assert found is not None
    assert (found.host, found.port, found.tls) == ("mail.example.org", 465, "always")
    assert (found.user, found.password, found.timeout_seconds, found.ca_file) == (USER, PASSWORD, 3.0, "/etc/ca.pem")
    assert [(one.port, one.tls) for url in ("smtp://h", "smtp+starttls://h", "smtp://h:2525/") if (one := read(url))] == [
        (25, "offered"), (587, "required"), (2525, "offered"),
    ]  # fmt: skip
    # A password never goes over a network in clear.
    assert [one.tls for url in ("smtp://u:p@h", "smtp://u:p@localhost") if (one := read(url))] == [
        "required",
        "offered",
    ]
    assert smtp.read_server(Settings()) is None


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("mail.example.org", FROM), ("http://h", FROM), ("smtp://", FROM), ("smtp://h:port", FROM), ("smtp://h:99999", FROM),
        ("smtp://user@h", FROM), ("smtp://:p@h", FROM), ("smtp://h/path", FROM), ("smtp://h?tls=off", FROM),
        ("smtp://h?timeout=0", FROM), ("smtp://h?timeout=nan", FROM), ("smtp://h?timeout=soon", FROM), ("smtp://h?timeout=900", FROM),
        ("smtp://h", ""), ("smtp://h", "Ostwind"), ("smtp://h", "a@b, c@d"), ("smtp://h", "x@y\nBcc: z@w"), ("smtp://h", "a@b@c"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_starts_nothing(settings, url, sender):
    changed = msgspec.structs.replace(settings, smtp_url=url, mail_from=sender)
    for check in (lambda: check_mail(changed), lambda: asyncio.run(worker.run(changed))):
        with pytest.raises(StartFailed) as refused:
            await asyncio.to_thread(check)
        assert "BOOKING_" in str(refused.value)
    found = await examine(changed, now())
    assert [one.check for one in found.findings if one.check == "mail"] == ["mail"]


# the doctor -------------------------------------------------------------------------------------------------------


async def test_the_doctor_says_where_no_message_reaches_anybody(settings, world):
    found = await examine(settings, now())
    assert "rules that need a proven address are off" in found.notes[0]
    assert [one for one in found.findings if one.check == "mail"] == []
    async with world.runtime.pool.acquire() as db:
        await db.execute("update organisation set live = true")
    found = await examine(settings, now())
    assert [one.examples for one in found.findings if one.check == "mail"] == [["Ostwind"]]
    async with mail_server(users=True) as (_, port):
        good = msgspec.structs.replace(settings, smtp_url=f"smtp://{LOGIN}127.0.0.1:{port}", mail_from=FROM)
        found = await examine(good, now())
        assert found.notes == []
        assert [one for one in found.findings if one.check == "mail"] == []
        wrong = msgspec.structs.replace(good, smtp_url=f"smtp://me:hush@127.0.0.1:{port}")
        [finding] = [one for one in (await examine(wrong, now())).findings if one.check == "mail"]
        assert "refuses user and password" in finding.problem
        assert "hush" not in str(finding)
    [finding] = [one for one in (await examine(good, now())).findings if one.check == "mail"]
    assert "can't be used" in finding.problem


# a code, from the app to the mail ----------------------------------------------------------------------------------


async def test_a_code_that_somebody_asked_for_opens_their_booking(api, world):
    held = await hold(api, world.app, visit(world, "adult"))
    booking = await confirm(api, owner_of(held), held)
    async with mail_server() as (server, port):
        runtime = sending(world, port)
        wanted = {"reference": booking["reference"], "email": CONTACT["email"]}
        assert (await api.post("/v1/tokens/recover", json=wanted, headers=world.app)).status_code == 202
        async with runtime.pool.acquire() as db:
            row = await db.fetchrow("select * from event where type = 'recovery.requested'")
        event = StoredEvent(*(row[name] for name in StoredEvent.__struct_fields__))
        await send_recovery_code(runtime, event)
        await send_recovery_code(runtime, event)
    first, second = server.messages
    assert first["Message-ID"] == second["Message-ID"], "a repeat is known for what it is"
    code = next(word for word in first.get_content().replace(".", " ").split() if len(word) == 11 and word[5] == "-")
    answer = await api.post("/v1/tokens", json={"grant": "code", "code": code}, headers=world.app)
    assert answer.status_code == 200, answer.text
    assert isinstance(server, MailServer)

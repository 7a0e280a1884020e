"""Handlers that are functions of a context: what they are given, what is sent, what happens after the commit."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta

from booking_api.core.context import Context
from booking_api.core.errors import Conflict
from booking_api.core.ids import new_id
from booking_api.core.web.http import Access, endpoint
from booking_api.core.web.replies import Reply

MANAGERS = Access(staff="manager")
COMMITTED: list[str] = []


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    text: str
    version: int | None = None
    secret: str | None = None


class NoteChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=20)]


class NoteQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    loud: bool = False


class Secret(msgspec.Struct, frozen=True):
    secret: str


async def _again(_ctx: Context, stored: bytes, note_id: UUID, body: NoteChange) -> Secret:
    return Secret(f"again {msgspec.json.decode(stored)['text']} {note_id} {body.text}")


@endpoint("PATCH", "/v1/trial/{note_id:uuid}", tag="Operations", access=MANAGERS)
async def edit_note(
    ctx: Context, note_id: UUID, query: NoteQuery, body: NoteChange, expected_versions: frozenset[int] | None
) -> Note:
    """Edit."""
    ctx.after_commit(lambda: COMMITTED.append(body.text))
    if body.text == "refuse":
        raise Conflict
    await ctx.db.execute("select 1")
    return Note(f"{note_id} {body.text.upper() if query.loud else body.text}", max(expected_versions or {0}) or None)


@endpoint("POST", "/v1/trial/{note_id:uuid}", tag="Operations", access=MANAGERS, answers={201: Note}, renew=_again)
async def make_note(ctx: Context, note_id: UUID, body: NoteChange) -> Reply:
    """Make."""
    return Reply(Note(body.text), 201, secrets=Secret("first"))


@endpoint("DELETE", "/v1/trial/{note_id:uuid}", tag="Operations", access=MANAGERS)
async def delete_note(ctx: Context, note_id: UUID) -> None:
    """Delete."""
    ctx.after_commit(lambda: COMMITTED.append(str(note_id)))
    ctx.after_commit(lambda: COMMITTED.append("and again"))


@endpoint("GET", "/v1/trial/{note_id:uuid}", tag="Operations", access=MANAGERS, conditional=True)
async def get_note(ctx: Context, note_id: UUID) -> Note:
    """Get."""
    return Note(f"{note_id} {ctx.db.is_in_transaction()}")


@pytest.fixture
def client(app: Any, api: Any, world: Any) -> Any:
    for handler in (edit_note, make_note, delete_note, get_note):
        app.register(handler)
    COMMITTED.clear()
    api.headers.update(world.manager)
    return api


async def test_what_the_signature_names_is_read(client):
    note_id = new_id()
    answer = await client.patch(f"/v1/trial/{note_id}?loud=true", json={"text": "a"}, headers={"If-Match": '"7"'})
    assert (answer.status_code, answer.json()) == (200, {"text": f"{note_id} A", "version": 7})
    plain = await client.patch(f"/v1/trial/{note_id}", json={"text": "b"})
    assert plain.json() == {"text": f"{note_id} b"}
    described = edit_note.opt["endpoint"]
    assert (described.body, described.query, described.answers) == (NoteChange, NoteQuery, {200: Note})
    assert delete_note.opt["endpoint"].answers == {204: None}


async def test_what_does_not_fit_never_reaches_it(client):
    for url, body, pointer in [
        (f"/v1/trial/{new_id()}", {"text": "x" * 21}, "/text"),
        (f"/v1/trial/{new_id()}?loud=perhaps", {"text": "x"}, "/query/loud"),
        (f"/v1/trial/{new_id()}?other=1", {"text": "x"}, "/query/other"),
    ]:
        refused = await client.patch(url, json=body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)
    wrong = await client.patch(f"/v1/trial/{new_id()}", json={"text": "x"}, headers={"If-Match": "7"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/headers/If-Match")
    assert not COMMITTED


async def test_what_waits_for_the_commit_happens_after_it_and_never_without(client):
    assert (await client.patch(f"/v1/trial/{new_id()}", json={"text": "refuse"})).status_code == 409
    assert COMMITTED == []
    key = {"Idempotency-Key": str(new_id())}
    for _ in range(2):
        assert (
            await client.patch(f"/v1/trial/{key['Idempotency-Key']}", json={"text": "kept"}, headers=key)
        ).is_success
    assert COMMITTED == ["kept"], "a repeat does nothing again"
    note_id = new_id()
    gone = await client.delete(f"/v1/trial/{note_id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert ["kept", str(note_id), "and again"] == COMMITTED


async def test_secrets_of_a_repeat_are_made_from_what_was_given(client):
    note_id, key = new_id(), {"Idempotency-Key": str(new_id())}
    first = await client.post(f"/v1/trial/{note_id}", json={"text": "a"}, headers=key)
    again = await client.post(f"/v1/trial/{note_id}", json={"text": "a"}, headers=key)
    assert (first.status_code, first.json()) == (201, {"text": "a", "secret": "first"})
    assert (again.status_code, again.json()) == (201, {"text": "a", "secret": f"again a {note_id} a"})


async def test_reading_has_no_transaction_and_an_etag_of_its_content(client):
    note_id = new_id()
    answer = await client.get(f"/v1/trial/{note_id}")
    assert answer.json() == {"text": f"{note_id} False"}
    again = await client.get(f"/v1/trial/{note_id}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")

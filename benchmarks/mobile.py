"""What a booking costs a phone: requests, and bytes on the wire.

Counted over a real connection as an app keeps one open: HTTP/1.1, every header included, bodies compressed as a
phone asks for it. TCP and TLS come on top; HTTP/2, which compresses headers too, would come out lower.
"""

import asyncio
import dataclasses
import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import brotli
import msgspec

from benchmarks.programs import our_environment
from booking_api.core.clock import utc_now
from booking_api.core.console import note
from booking_api.core.process import StartFailed
from booking_api.run.demo.supervisor import our_command

PHONE_HEADERS = {
    "User-Agent": "Booking/1.0 (iPhone; iOS 19.1)",
    "Accept": "application/json",
    "Accept-Encoding": "br, gzip",
    "Accept-Language": "en-GB,en;q=0.9",
}
TIMEOUT_SECONDS = 30.0
SCREENFUL = 10
"""Departures that an app asks for at once."""
CONTACT = {"name": "Ada Lovelace", "email": "ada@example.org", "phone": "+44 20 7946 0000"}
PAYMENT = {"method": "test", "token": "tok_ok"}


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One request and its answer, in bytes."""

    what: str
    status: int
    sent: int
    received: int
    unpacked: int
    """Length of the answer's body before compression."""


class MobileClient:
    """One kept-open connection that counts."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise StartFailed("The bench speaks plain HTTP; give it a URL such as http://127.0.0.1:8000.")
        self.host, self.port = parts.hostname, parts.port or 80
        self.exchanges: list[Exchange] = []
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, what: str, method: str, path: str, credential: str, body: Any = None) -> Any:
        """Sends a request and decodes the answer. Raises `StartFailed` for anything but a success."""
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        headers = {"Host": f"{self.host}:{self.port}", **PHONE_HEADERS, "Authorization": f"Bearer {credential}"}
        content = b"" if body is None else msgspec.json.encode(body)
        if method != "GET":
            headers |= {
                "Content-Type": "application/json", "Content-Length": str(len(content)), "Idempotency-Key": str(uuid4()),
            }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content
        writer.write(request)
        status, answer_headers, raw, received = await asyncio.wait_for(_read_answer(reader), TIMEOUT_SECONDS)
        plain = _unpack(raw, answer_headers.get("content-encoding", ""))
        self.exchanges.append(Exchange(what, status, len(request), received, len(plain)))
        if not 200 <= status < 300:
            raise StartFailed(f"{what} was answered with {status}: {plain.decode(errors='replace')[:300]}")
        return msgspec.json.decode(plain)

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes, int]:
    """(status, headers, body as it was sent, bytes received)."""
    head = await reader.readuntil(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    received = len(head)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            line = await reader.readuntil(b"\r\n")
            chunk = await reader.readexactly(int(line.partition(b";")[0], 16) + 2)
            received += len(line) + len(chunk)
            if len(chunk) == 2:
                break
            body += chunk[:-2]
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        received += len(body)
    return int(status_line.split(" ")[1]), headers, body, received


def _unpack(body: bytes, encoding: str) -> bytes:
    if encoding == "br":
        return brotli.decompress(body)
    return gzip.decompress(body) if encoding == "gzip" else body


async def book(url: str, publishable_key: str, origin: str, destination: str) -> tuple[list[Exchange], list[Exchange]]:
    """The exchanges of a first-time guest from search to pass, and of a returning customer who knows the slot."""
    day = (utc_now() + timedelta(days=3)).date()
    search = urlencode({"origin": origin, "destination": destination, "from": day, "to": day, "limit": SCREENFUL})
    guest, returning = MobileClient(url), MobileClient(url)
    try:
        found = await guest.ask("search", "GET", f"/v1/availability?{search}", publishable_key)
        items = [item for item in found["items"] if item["status"] in {"available", "limited"}]
        if not items:
            raise StartFailed(f"Nothing is on sale from {origin} to {destination} on {day}.")
        slot = {"slot_id": items[0]["slot_id"], "option_id": items[0]["options"][0]["option_id"]}
        party = [{"unit": "adult", "name": CONTACT["name"]}]
        held = await guest.ask("hold", "POST", "/v1/bookings", publishable_key, {**slot, "items": party})
        token = held["access_token"]
        confirmation = {"contact": CONTACT, "payment": PAYMENT}
        booked = await guest.ask("confirm", "POST", f"/v1/bookings/{held['id']}/confirm", token, confirmation)
        _expect_pass(booked)
        express = {**slot, "items": party, "confirm": True, **confirmation}
        _expect_pass(await returning.ask("express booking", "POST", "/v1/bookings", token, express))
    except (OSError, asyncio.IncompleteReadError) as error:
        raise StartFailed(f"{url} can't be reached: {error}.") from None
    finally:
        guest.close()
        returning.close()
    return guest.exchanges, returning.exchanges


def _expect_pass(booking: dict[str, Any]) -> None:
    if booking["status"] != "confirmed" or not booking["items"][0].get("pass"):
        raise StartFailed(f"The booking is {booking['status']} and has no pass, so it was not measured to its end.")


@contextmanager
def demo_of_its_own() -> Iterator[tuple[str, str]]:
    """(URL, publishable key) of an ephemeral demo that lasts as long as the measurement."""
    command = our_command("demo", "--ephemeral", "--json", "--port", "0")
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, text=True, env=our_environment(BOOKING_LOG_LEVEL="warning")
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise StartFailed("The demo to measure did not start.")
        announced = msgspec.json.decode(line)
        yield announced["url"], announced["publishable_key"]
    finally:
        process.terminate()
        process.wait(60)


def tell(guest: list[Exchange], returning: list[Exchange], *, as_json: bool) -> None:
    """Prints both journeys."""

    def total(exchanges: list[Exchange]) -> int:
        return sum(one.sent + one.received for one in exchanges)

    journeys = (("first-time guest, search to pass", guest, 6), ("returning customer who knows the slot", returning, 2))
    if as_json:
        print(json.dumps({name: {"requests": len(made), "bytes": total(made),
                                 "exchanges": [dataclasses.asdict(one) for one in made]}
                          for name, made, _ in journeys}))  # fmt: skip
        return
    for name, made, aim in journeys:
        print(f"{name}: {len(made)} request{'s' * (len(made) > 1)}, {total(made):,} bytes (aim: {aim} KB)")
        for one in made:
            print(f"  {one.what:16} {one.sent:>6,} sent {one.received:>7,} received ({one.unpacked:,} unpacked)")
    note("HTTP/1.1 with all headers on one open connection, bodies in br; TCP and TLS not counted.")

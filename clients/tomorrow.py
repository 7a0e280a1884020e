"""The API as it may be in a year: what it answers today, with more members and with values that nobody knows yet.

    tomorrow.py DESCRIPTION URL

Passes every request on to the server at URL and changes its answer wherever the description says that it may grow:
every open enumeration has the value `unheard_of`, every object one more member, every refusal a code and a type that
aren't described, and a page of sync one more item of an unknown type. Prints its own address once it listens.
"""

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

UNHEARD_OF = "unheard_of"
NEW_MEMBER = {UNHEARD_OF: {"of": [UNHEARD_OF]}}
COMMON = {"type", "title", "status", "detail", "code", "request_id", "retryable"}
"""Members of every refusal: a code that nobody knows yet has these."""
NOT_PASSED_ON = {"content-length", "transfer-encoding", "connection", "content-encoding", "date", "server"}


class Description:
    def __init__(self, path: Path) -> None:
        self.document = json.loads(path.read_text(encoding="utf-8"))
        self.paths = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operations)
            for path, operations in self.document["paths"].items()
        ]

    def resolve(self, part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            found: Any = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part

    def answer(self, method: str, path: str, status: int) -> dict[str, Any]:
        """The schema of an answer in JSON, or nothing."""
        for pattern, operations in self.paths:
            if pattern.fullmatch(path):
                described = self.resolve(operations[method.lower()]["responses"].get(str(status), {}))
                return described.get("content", {}).get("application/json", {}).get("schema", {})
        return {}

    def alternatives(self, schemas: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """These schemas and all that they are put together from."""
        for schema in map(self.resolve, schemas):
            yield schema
            for word in ("allOf", "anyOf", "oneOf"):
                yield from self.alternatives(schema.get(word, []))

    def age(self, value: Any, schemas: list[dict[str, Any]]) -> Any:
        """The value as a later server would send it, given the schemas that describe it."""
        known = list(self.alternatives(schemas))
        match value:
            case dict():
                grown = {
                    name: self.age(member, [of["properties"][name] for of in known if name in of.get("properties", {})])
                    for name, member in value.items()
                }
                # The names in a map are data: one more would be one more thing, and it would have to be whole.
                return grown if any(of.get("additionalProperties") for of in known) else grown | NEW_MEMBER
            case list():
                return [self.age(item, [of["items"] for of in known if "items" in of]) for item in value]
            case str() if any("x-extensible-enum" in of for of in known):
                return UNHEARD_OF
            case _:
                return value


class Tomorrow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    description: Description
    today: str

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in NOT_PASSED_ON | {"host", "accept-encoding"}
        }
        asked = urllib.request.Request(self.today + self.path, data=body, headers=headers, method=self.command)  # noqa: S310
        try:
            answered = urllib.request.urlopen(asked, timeout=30)  # noqa: S310
        except urllib.error.HTTPError as refusal:
            answered = refusal
        with answered:
            content = answered.read()
        kind = answered.headers.get_content_type()
        path = self.path.partition("?")[0]
        if kind == "application/problem+json":
            content = self.refusal(json.loads(content))
        elif kind == "application/json":
            schema = self.description.answer(self.command, path, answered.status)
            aged = self.description.age(json.loads(content), [schema])
            if path == "/v1/sync":
                aged["items"].append(
                    {"type": UNHEARD_OF, "id": "019aa5c8-5d60-7c3e-9f21-4b7d0c6e8a15", "data": NEW_MEMBER}
                )
            content = json.dumps(aged).encode()
        self.send_response(answered.status)
        for name, value in answered.headers.items():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - the library's names

    def refusal(self, problem: dict[str, Any]) -> bytes:
        kept = {name: value for name, value in problem.items() if name in COMMON}
        kept |= {"code": UNHEARD_OF, "type": f"{self.today}/problems/{UNHEARD_OF}"}
        return json.dumps(kept | NEW_MEMBER).encode()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass


if __name__ == "__main__":
    Tomorrow.description, Tomorrow.today = Description(Path(sys.argv[1])), sys.argv[2]
    with ThreadingHTTPServer(("127.0.0.1", 0), Tomorrow) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()

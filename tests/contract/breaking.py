"""What of a change of the description breaks clients that were made from the published one.

    python -m tests.contract.breaking            compares, and fails for what `openapi/argued.toml` has no reason for
    python -m tests.contract.breaking --publish  makes the present description the published one

`openapi/published.json` is what clients were last made from, without texts and examples. It is checked in, so that a
shallow clone has it, and changes with a release alone.
"""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

OPENAPI = Path(__file__).parents[2] / "openapi"
CURRENT, PUBLISHED, ARGUED = (OPENAPI / name for name in ("openapi.json", "published.json", "argued.toml"))
METHODS = ("get", "post", "put", "patch", "delete")
TEXTS = {"description", "summary", "example", "examples", "tags", "info", "servers", "links", "title", "webhooks"}
ROLES = ("agent", "manager", "owner")
LEAST = ("minimum", "minLength", "minItems", "minProperties")
MOST = ("maximum", "maxLength", "maxItems", "maxProperties")

Json = dict[str, Any]
Direction = Literal["request", "answer"]


def breaking_changes(old: Json, new: Json) -> list[str]:
    """Each thing that a client of the old description may not survive in the new one, as a line that stays the same."""
    return list(dict.fromkeys(_Comparison(old, new).changes()))


class _Comparison:
    def __init__(self, old: Json, new: Json) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, Direction]] = set()

    def changes(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            if path not in self._new["paths"]:
                yield f"{path}: removed path"
                continue
            for method in (one for one in METHODS if one in methods):
                where = f"{method.upper()} {path}"
                if method not in self._new["paths"][path]:
                    yield f"{where}: removed operation"
                else:
                    yield from self._operation(where, methods[method], self._new["paths"][path][method])
        # Last, so that what an operation says of a component comes first. A name is that of a class in clients.
        for name in self._old.get("components", {}).get("schemas", {}):
            if name not in self._new.get("components", {}).get("schemas", {}):
                yield f"schema {name}: removed"

    def _operation(self, where: str, old: Json, new: Json) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{where}: renamed from {old.get('operationId')} to {new.get('operationId')}"
        for caller in old.get("security", []):
            if not any(_admits(caller, other) for other in new.get("security", [])):
                yield f"{where}: no longer admits {json.dumps(caller)}"
        yield from self._parameters(where, old, new)
        yield from self._body(where, old.get("requestBody"), new.get("requestBody"))
        for status, given in old["responses"].items():
            if status not in new["responses"]:
                yield f"{where}: removed status {status}"
                continue
            before, after = _resolve(self._old, given), _resolve(self._new, new["responses"][status])
            for header in before.get("headers", {}):
                if header not in after.get("headers", {}):
                    yield f"{where} {status}: removed header {header}"
            yield from self._content(f"{where} {status}", before, after, "answer")

    def _parameters(self, where: str, old: Json, new: Json) -> Iterator[str]:
        before = {(one["in"], one["name"]): one for one in self._resolved(self._old, old.get("parameters", []))}
        after = {(one["in"], one["name"]): one for one in self._resolved(self._new, new.get("parameters", []))}
        for key, parameter in before.items():
            name = " ".join(key)
            if key not in after:
                yield f"{where}: removed parameter {name}"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{where}: newly required parameter {name}"
            yield from self._schema(f"{where} {name}", parameter["schema"], after[key]["schema"], "request")
        for key, parameter in after.items():
            if key not in before and parameter.get("required"):
                yield f"{where}: newly required parameter {' '.join(key)}"

    def _body(self, where: str, old: Json | None, new: Json | None) -> Iterator[str]:
        if old is None or new is None:
            if old is not None:
                yield f"{where}: removed body"
            elif new is not None and new.get("required"):
                yield f"{where}: newly required body"
            return
        if new.get("required") and not old.get("required"):
            yield f"{where}: newly required body"
        yield from self._content(f"{where} body", old, new, "request")

    def _content(self, where: str, old: Json, new: Json, direction: Direction) -> Iterator[str]:
        for kind, content in old.get("content", {}).items():
            if kind not in new.get("content", {}):
                yield f"{where}: removed media type {kind}"
            else:
                yield from self._schema(
                    where, content.get("schema", {}), new["content"][kind].get("schema", {}), direction
                )

    def _schema(self, where: str, old: Json, new: Json, direction: Direction) -> Iterator[str]:
        refs = old.get("$ref", ""), new.get("$ref", "")
        if refs[0] and refs[1]:
            if (*refs, direction) in self._seen:
                return
            self._seen.add((*refs, direction))
            where = f"{refs[0].rpartition('/')[2]} ({direction})"
        given, old, new = (old, new), _resolve(self._old, old), _resolve(self._new, new)
        if _branches(old) or _branches(new):
            # What is none is a union of one, by the name that it has where it stands.
            whole = [one if _branches(one) else as_given for one, as_given in zip((old, new), given, strict=True)]
            yield from self._union(where, whole[0], whole[1], direction)
            return
        yield from _kinds(where, old, new, direction)
        yield from _values(where, old, new, direction)
        if direction == "request":
            yield from _bounds(where, old, new)
        yield from self._members(where, old, new, direction)
        for word in ("items", "additionalProperties"):
            if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
                yield from self._schema(f"{where}[]", old[word], new[word], direction)

    def _members(self, where: str, old: Json, new: Json, direction: Direction) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required = set(old.get("required", [])), set(new.get("required", []))
        for name, part in before.items():
            if name not in after:
                yield f"{where}: removed member {name}"
                continue
            if direction == "request" and name in required[1] - required[0]:
                yield f"{where}: newly required member {name}"
            if direction == "answer" and name in required[0] - required[1]:
                yield f"{where}: member {name} may be absent now"
            yield from self._schema(f"{where}.{name}", part, after[name], direction)
        if direction == "request":
            for name in after:
                if name not in before and name in required[1]:
                    yield f"{where}: newly required member {name}"
            if old.get("additionalProperties", True) is not False and new.get("additionalProperties", True) is False:
                yield f"{where}: further members are refused now"

    def _union(self, where: str, old: Json, new: Json, direction: Direction) -> Iterator[str]:
        before, after = _by_name(old), _by_name(new)
        for name, branch in before.items():
            if name in after:
                yield from self._schema(f"{where}|{name}", branch, after[name], direction)
            else:
                yield f"{where}: no longer {name}"
        if direction == "answer" and not _is_open(old):
            yield from (f"{where}: may be {name} now" for name in after if name not in before)

    @staticmethod
    def _resolved(document: Json, parts: list[Json]) -> list[Json]:
        return [_resolve(document, part) for part in parts]


def _resolve(document: Json, part: Json) -> Json:
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def _admits(before: dict[str, list[str]], after: dict[str, list[str]]) -> bool:
    """Whether a kind of caller still comes in. Staff do with a higher role than is needed, keys need the very scope."""
    if before.keys() != after.keys():
        return False
    return all(
        max(map(ROLES.index, after[scheme]), default=0) <= max(map(ROLES.index, words), default=0)
        if scheme == "staffToken"
        else set(after[scheme]) <= set(words)
        for scheme, words in before.items()
    )


def _branches(schema: Json) -> list[Json]:
    return schema.get("anyOf") or schema.get("oneOf") or []


def _by_name(schema: Json) -> dict[str, Json]:
    """The branches of a union, and of what is none the one that it is."""
    return {
        one["$ref"].rpartition("/")[2] if "$ref" in one else str(one.get("type", "anything")): one
        for one in _branches(schema) or [schema]
    }


def _is_open(schema: Json) -> bool:
    """Whether a union ends in a branch for what comes later."""
    names = list(_by_name(schema))
    return names[-1] == "Problem" or names[-1].startswith("Other")


def _types(schema: Json) -> set[str]:
    """Empty: any."""
    kinds = schema.get("type", [])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    return found | {"integer"} if "number" in found else found


def _kinds(where: str, old: Json, new: Json, direction: Direction) -> Iterator[str]:
    before, after = _types(old), _types(new)
    narrow, wide = (after, before) if direction == "request" else (before, after)
    # A client that sends may send all that it might; one that reads must be able to read all that comes.
    if narrow and (not wide or wide - narrow):
        yield f"{where}: type was {_words(before)}, is {_words(after)}"
    elif old.get("format") != new.get("format") and (new if direction == "request" else old).get("format"):
        yield f"{where}: format was {old.get('format')}, is {new.get('format')}"


def _words(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds)) or "any"


def _values(where: str, old: Json, new: Json, direction: Direction) -> Iterator[str]:
    """Values of a closed enumeration that are gone or, in answers, came; of an open one those that are gone."""
    before, after = _closed(old), _closed(new)
    if direction == "request" and after is not None and before is None:
        yield f"{where}: only {_listed(after)} now"
    if before is not None and after is not None:
        yield from (f"{where}: no longer {value}" for value in before if value not in after)
    if direction == "answer" and before is not None:
        came = ["anything"] if after is None else [value for value in after if value not in before]
        yield from (f"{where}: may be {value} now" for value in came)
    open_now = new.get("x-extensible-enum", after or [])
    yield from (f"{where}: no longer {value}" for value in old.get("x-extensible-enum", []) if value not in open_now)


def _closed(schema: Json) -> list[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if values is None else [json.dumps(value) for value in values]


def _listed(values: list[str]) -> str:
    return ", ".join(values)


def _bounds(where: str, old: Json, new: Json) -> Iterator[str]:
    for word in LEAST:
        if word in new and new[word] > old.get(word, float("-inf") if word == "minimum" else 0):
            yield f"{where}: {word} was {old.get(word)}, is {new[word]}"
    for word in MOST:
        if word in new and new[word] < old.get(word, float("inf")):
            yield f"{where}: {word} was {old.get(word)}, is {new[word]}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{where}: pattern was {old.get('pattern')}, is {new['pattern']}"


# the published one ------------------------------------------------------------------------------------------------


def without_texts(part: Any, *, names: bool = False) -> Any:
    """A description without what no client depends on. Under `names` stand members and components, not keywords."""
    if isinstance(part, list):
        return [without_texts(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: without_texts(
            one, names=not names and key in {"properties", "schemas", "parameters", "responses", "headers"}
        )
        for key, one in part.items()
        if names or key not in TEXTS
    }


def judge(old: Json, new: Json, argued: dict[str, str]) -> list[str]:
    """What is wrong: changes that nobody argued, and arguments for what isn't a change."""
    changes = breaking_changes(old, new)
    wrong = [f"breaks clients: {change}" for change in changes if not argued.get(change, "").strip()]
    return wrong + [f"argued, but not so: {change}" for change in argued if change not in changes]


def read_argued(path: Path = ARGUED) -> dict[str, str]:
    return tomllib.loads(path.read_text()).get("changes", {})


def main() -> int:
    current = json.loads(CURRENT.read_bytes())
    if "--publish" in sys.argv[1:]:
        PUBLISHED.write_text(json.dumps(without_texts(current), indent=1, ensure_ascii=False) + "\n")
        ARGUED.write_text(ARGUED.read_text().partition("[changes]")[0] + "[changes]\n")
        return 0
    wrong = judge(json.loads(PUBLISHED.read_bytes()), current, read_argued())
    sys.stdout.write("\n".join(wrong or ["Nothing breaks clients of the published description."]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

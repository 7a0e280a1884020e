"""The format of a pass: exact, short, and readable by nothing but a JOSE library."""

import io
import json
import re
import xml.etree.ElementTree as ET
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import jwt
import msgspec
import pytest
import qrcode
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from booking_api.passes import drawing, rules
from booking_api.passes.schemas import ItemStateRow, PassClaims, PassRequest, PassRow

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
LONGEST = 9_999_999_999
"""The year 2286."""
kids = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=8)
seconds = st.integers(1_000_000_000, LONGEST)
claims_of_any_pass = st.builds(PassClaims, st.uuids(), st.uuids(), seconds, seconds, seconds)


def part(code: str, index: int) -> dict[str, object]:
    text = code.split(".")[index]
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def encode(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


@given(claims_of_any_pass, kids)
def test_code_is_exact_and_short(claims, kid):
    code = rules.write_code(claims, kid, KEY)
    assert len(code) <= rules.LONGEST_CODE
    assert part(code, 0) == {"alg": "EdDSA", "kid": kid}
    payload = part(code, 1)
    assert list(payload) == ["sub", "slot", "iat", "nbf", "exp"]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", str(payload[name])) for name in ("sub", "slot"))
    assert rules.find_kid(code) == kid
    assert rules.read_code(code, KEY.public_key()) == claims
    assert rules.read_code(code, OTHER.public_key()) is None


@given(claims_of_any_pass, kids)
def test_a_library_writes_the_same_code(claims: PassClaims, kid: str):
    ours = rules.write_code(claims, kid, KEY)
    payload = jwt.decode(ours, KEY.public_key(), algorithms=["EdDSA"], options=rules._OPTIONS)
    assert jwt.encode(payload, KEY, algorithm="EdDSA", headers={"kid": kid, "typ": None}) == ours


@given(claims_of_any_pass)
def test_qr_code_stays_within_version_12(claims):
    code = rules.write_code(claims, "12345678", KEY)
    modules = drawing.modules_of(code)
    assert len(modules) - 2 * drawing.QUIET_MODULES <= 65
    border = drawing.QUIET_MODULES
    assert not any(any(line) for line in [*modules[:border], *modules[-border:]])
    assert not any(any(line[:border]) or any(line[-border:]) for line in modules)
    svg, png = drawing.draw_svg(modules), drawing.draw_png(modules)
    assert len(png) <= 2_300
    assert len(svg) <= 8_192


def test_longest_code_and_its_version():
    code = rules.write_code(
        PassClaims(UUID(int=2**128 - 1), UUID(int=2**128 - 1), LONGEST, LONGEST, LONGEST), "88888888", KEY
    )
    assert len(code) == 285
    picture = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
    picture.add_data("a" * rules.LONGEST_CODE)
    picture.make(fit=True)
    assert picture.version == 12


def test_decoded_png_verifies_with_nothing_but_the_jwks():
    now = int(datetime.now(UTC).timestamp())
    code = rules.write_code(PassClaims(UUID(int=5), UUID(int=6), now, now - 60, now + 3_600), "k1", KEY)
    picture = Image.open(io.BytesIO(drawing.draw(code, "png")))
    assert picture.mode == "1"
    text = zxingcpp.read_barcode(picture).text
    x = encode(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    jwks = json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "alg": "EdDSA", "x": x}]})

    keys = jwt.PyJWKSet.from_json(jwks)
    found = jwt.decode(text, keys[jwt.get_unverified_header(text)["kid"]], algorithms=["EdDSA"])
    assert found == {
        "sub": encode(UUID(int=5).bytes),
        "slot": encode(UUID(int=6).bytes),
        "iat": now,
        "nbf": now - 60,
        "exp": now + 3_600,
    }


@given(claims_of_any_pass)
def test_svg_is_xml_and_draws_the_same_modules(claims):
    modules = drawing.modules_of(rules.write_code(claims, "k", KEY))
    root = ET.fromstring(drawing.draw_svg(modules))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    size = len(modules)
    assert root.attrib["viewBox"] == f"0 0 {size} {size}"
    drawn = [[False] * size for _ in range(size)]
    x = y = 0
    for command, first, second in re.findall(r"([Mmh])(\d+)(?: ([\d.]+))?", root[1].attrib["d"]):
        if command == "M":
            x, y = int(first), int(float(second))
        elif command == "m":
            x += int(first)
        else:
            for column in range(x, x + int(first)):
                drawn[y][column] = True
            x += int(first)
    assert drawn == modules


def public_pem() -> bytes:
    return KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hs256_with_the_public_key() -> str:
    import hashlib
    import hmac

    head = f"{encode({'alg': 'HS256', 'kid': 'k'})}.{encode({'sub': 'a', 'slot': 'b', 'iat': 1, 'nbf': 1, 'exp': 2})}"
    return f"{head}.{encode(hmac.new(public_pem(), head.encode(), hashlib.sha256).digest())}"


GOOD = rules.write_code(PassClaims(UUID(int=1), UUID(int=2), 3, 4, 5), "k", KEY)
HEAD, BODY, SIGNATURE = GOOD.split(".")
GARBAGE = [
    "", ".", "..", "...", "a", "a.b.c", "☃" * 40, GOOD + "=", GOOD + ".", GOOD + "\n", " " + GOOD, GOOD[:-1], GOOD[1:], "A" * 200_000,
    f"{HEAD}.{BODY}.", f"{HEAD}..{SIGNATURE}", f".{BODY}.{SIGNATURE}", f"{HEAD}.{BODY}.{'A' * 86}",
    f"{encode({'alg': 'none', 'kid': 'k'})}.{BODY}.", f"{encode({'alg': 'none', 'kid': 'k'})}.{BODY}.{SIGNATURE}",
    hs256_with_the_public_key(), f"{encode({'alg': 'EdDSA'})}.{BODY}.{SIGNATURE}",
    f"{encode({'alg': 'EdDSA', 'kid': 'longer than 8'})}.{BODY}.{SIGNATURE}", f"{encode({'alg': 'EdDSA', 'kid': 7})}.{BODY}.{SIGNATURE}",
    f"{encode(b'[' * 48)}.{BODY}.{SIGNATURE}", f"{encode(b'null')}.{BODY}.{SIGNATURE}", f"{HEAD}.{encode({'sub': 'x'})}.{SIGNATURE}",
]  # fmt: skip


@pytest.mark.parametrize("code", GARBAGE)
def test_garbage_is_forged(code):
    assert rules.read_code(code, KEY.public_key()) is None


@pytest.mark.parametrize(
    "payload",
    [
        {}, {"sub": "a", "slot": "b", "iat": 1, "nbf": 1, "exp": 1}, {"sub": "A" * 22, "slot": "A" * 22, "iat": 10**18, "nbf": 1, "exp": 1},
        {"sub": "A" * 22, "slot": "A" * 22, "iat": 1.5, "nbf": 1, "exp": 1}, {"sub": "A" * 22, "slot": "A" * 22, "iat": "1", "nbf": 1, "exp": 1},
        {"sub": "A" * 21 + "B", "slot": "A" * 22, "iat": 1, "nbf": 1, "exp": 1},
    ],
)  # fmt: skip
def test_good_signature_over_something_else_is_forged(payload):
    assert (
        rules.read_code(
            jwt.encode(payload, KEY, algorithm="EdDSA", headers={"kid": "k", "typ": None}), KEY.public_key()
        )
        is None
    )


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("ABCXYZabcxyz019-_.=é"))
def test_any_changed_character_is_forged(position, character):
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    assert changed == GOOD or rules.read_code(changed, KEY.public_key()) is None


@given(st.datetimes(datetime(2001, 9, 10), datetime(2200, 1, 1), timezones=st.just(UTC)), st.integers(0, 10))  # noqa: DTZ001
def test_issue_time_strictly_rises(now, repeats):
    latest = None
    for _ in range(repeats + 1):
        issued = rules.next_issue(now, latest)
        assert issued.microsecond == 0
        assert latest is None or issued > latest
        latest = issued
    assert latest <= now + timedelta(seconds=repeats)


@given(st.uuids(), st.text(max_size=40))
def test_signature_names_its_organisation(org_id, mac):
    assert rules.read_signature(rules.write_signature(org_id, mac)) == (org_id, mac)


@pytest.mark.parametrize("signature", ["", "x", "A" * 21, "A" * 21 + "B", "A" * 21 + "é", "=" * 22, "!" * 44])
def test_garbage_is_no_signature(signature):
    assert rules.read_signature(signature) is None


def test_a_code_tells_what_it_claims_and_nothing_else_does():
    claims = PassClaims(UUID(int=1), UUID(int=2), 1_700_000_000, 1_700_000_001, 1_700_000_002)
    assert rules.find_claims(rules.write_code(claims, "a1", OTHER)) == claims
    for code in ("", "a.b.c", f"{encode({'alg': 'EdDSA', 'kid': 'a1'})}.{encode({'sub': 'x'})}.{'A' * 86}"):
        assert rules.find_claims(code) is None
    code = rules.write_code(claims, "a1", KEY)
    # What could be read, but isn't written as a pass is.
    header = encode({"alg": "HS256", "kid": "a1"})
    assert rules.find_claims(header + code[code.index(".") :]) is None


def test_a_header_names_an_algorithm_and_a_short_key():
    def kid_of(header: object) -> str | None:
        return rules.find_kid(f"{encode(header)}.{encode({})}.{'A' * 86}")

    assert kid_of({"alg": "EdDSA", "kid": "a"}) == "a"
    assert kid_of({"alg": "EdDSA", "kid": "12345678"}) == "12345678"
    for alg, kid in (("EdDSA", ""), ("EdDSA", "123456789"), ("HS256", "a"), ("none", "a"), ("eddsa", "a")):
        assert kid_of({"alg": alg, "kid": kid}) is None
    for header in ({"alg": "EdDSA"}, {"kid": "a"}, {"alg": "EdDSA", "kid": 1}, [], b"{"):
        assert kid_of(header) is None


def test_a_header_is_exactly_its_two_members():
    code = rules.write_code(PassClaims(UUID(int=1), UUID(int=2), 1, 2, 3), "a1", KEY)
    assert urlsafe_b64decode(code.split(".")[0] + "==") in {
        b'{"alg":"EdDSA","kid":"a1"}', b'{"kid":"a1","alg":"EdDSA"}',
    }  # fmt: skip


MOMENT = datetime(2026, 6, 1, 12, 0, 1, 999_999, tzinfo=UTC)
SECOND = MOMENT.replace(microsecond=0)
ISSUED = PassRow(
    UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4), "k", "code", SECOND, SECOND, SECOND + timedelta(hours=1), None
)
WISH = PassRequest(UUID(int=2), UUID(int=3), UUID(int=4), MOMENT, MOMENT + timedelta(hours=1))


def test_a_moment_is_cut_to_its_second():
    abroad = timezone(timedelta(hours=5, minutes=30))
    assert rules.whole_seconds(MOMENT) == SECOND
    assert rules.whole_seconds(MOMENT.astimezone(abroad)).isoformat() == "2026-06-01T12:00:01+00:00"


def test_the_next_issue_is_now_or_a_second_after_the_last():
    assert rules.next_issue(MOMENT, None) == SECOND
    for ahead, expected in ((-5, 0), (-1, 0), (0, 1), (3, 4)):
        latest = SECOND + timedelta(seconds=ahead)
        assert rules.next_issue(MOMENT, latest) == SECOND + timedelta(seconds=expected)


def test_what_a_pass_says():
    assert rules.says(ISSUED, WISH)
    assert not rules.says(None, WISH)
    second = timedelta(seconds=1)
    for change in (
        {"item_id": UUID(int=9)}, {"slot_id": UUID(int=9)}, {"customer_id": UUID(int=9)},
        {"valid_from": MOMENT + second}, {"valid_until": MOMENT + timedelta(hours=1) - second},
    ):  # fmt: skip
        assert not rules.says(ISSUED, msgspec.structs.replace(WISH, **change))


@pytest.mark.parametrize(
    ("current", "revoked_before", "revoked"),
    [
        (None, None, True), (None, SECOND, True), (SECOND, None, False), (SECOND, SECOND, False),
        (SECOND + timedelta(1), SECOND, False), (SECOND, SECOND + timedelta(seconds=1), True),
    ],
)  # fmt: skip
def test_a_code_is_good_until_it_is_revoked(current, revoked_before, revoked):
    assert rules.is_revoked(SECOND, current, revoked_before) is revoked


def test_the_current_pass_of_an_item():
    columns = {name: getattr(ISSUED, name) for name in PassRow.__struct_fields__ if name != "revoked_at"}
    row = ItemStateRow(**columns, first_admitted_at=MOMENT)
    assert rules.current_pass(row) == ISSUED
    nothing = dict.fromkeys(columns) | {"item_id": UUID(int=2)}
    assert rules.current_pass(ItemStateRow(**nothing, first_admitted_at=None)) is None
    with pytest.raises(AssertionError):
        rules.current_pass(msgspec.structs.replace(row, kid=None))

"""Which requests are the same, and which only look like it."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_api.core.secrets import fingerprint
from booking_api.core.web.sameness import body_fingerprint, is_same_body, is_same_request, request_fingerprint

SAME = [
    [b'{"a":1,"b":[1,2]}', b' {"b" : [1, 2] ,\n"a":1}', b'{"b":[1.0,2e0],"a":1.00}', b'{"a":0,"b":[1,2],"a":1}'],
    [b'{"n":"J\xc3\xb6rg/"}', b'{"n":"J\\u00f6rg\\/"}'],
    [b'{"x":{"y":{"a":1,"b":2}}}', b'{"x":{"y":{"b":2,"a":1}}}'],
    [b"", b"{}", b" \n"],
    [b"0", b"-0", b"-0.0", b"0e5"],
    [b"0.1", b"0.10", b"1e-1"],
    # As far as a double holds each integer.
    [b"9007199254740992", b"9007199254740992.0"],
    [b"-9007199254740992", b"-9007199254740992.0"],
]
OTHERS = [
    (b'{"a":null}', b"{}"), (b'{"a":[1,2]}', b'{"a":[2,1]}'), (b'{"a":"1"}', b'{"a":1}'), (b'{"a":true}', b'{"a":1}'), (b'{"a":""}', b'{"a":null}'),
    (b'{"a":"x "}', b'{"a":"x"}'), (b'{"A":1}', b'{"a":1}'), (b"1e400", b"null"), (b"9007199254740993", b"9007199254740992"), (b"[]", b"{}"), (b"{", b"{}"),
    (b'{"a":1e400}', b'{"a":1e401}'), (b"123456789012345678901234567890", b"123456789012345678901234567891"), (b"\xff", b"\xfe"),
    (b"9007199254740994", b"9007199254740994.0"), (b"-9007199254740994", b"-9007199254740994.0"), (b"0.5", b"0"), (b"1.5", b"1"),
    (b"1e22", b"10000000000000000000000"),
    (b'{"q":"\xc3\xb6"}', '{"q":"o\u0308"}'.encode()),
]  # fmt: skip


@pytest.mark.parametrize("bodies", SAME)
def test_what_says_the_same_is_the_same(bodies):
    assert len({body_fingerprint(body) for body in bodies}) == 1


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_what_says_something_else_is_another(one, other):
    assert body_fingerprint(one) != body_fingerprint(other)


def test_the_order_of_parameters_says_nothing():
    assert request_fingerprint(b"a=1&b=%C3%B6", b"") == request_fingerprint(b"b=%c3%b6&a=1", b"{}")
    queries = [b"", b"a=1", b"a=2", b"a=1&b=", b"a=1&b", b"ab=1", b"b=1", b"%ff=1"]
    made = [request_fingerprint(query, b"") for query in queries]
    assert made[3] == made[4] or made[3] != made[2]
    assert len(set(made)) >= len(queries) - 1
    assert all(one != other for one, other in pairwise(made[:4]))


def test_fingerprints_of_the_version_before_are_known():
    body = b'{"b": 1, "a": 2}'
    assert is_same_request(fingerprint(b"x=1", body), b"x=1", body)
    assert not is_same_request(fingerprint(b"x=1", body), b"x=2", body)
    assert is_same_body(fingerprint(body), body)
    assert not is_same_body(fingerprint(body), b'{"b":1,"a":2}')


@given(st.binary())
def test_whatever_is_sent_has_a_fingerprint(body):
    assert body_fingerprint(body) == body_fingerprint(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON, JSON)
def test_writing_it_otherwise_changes_nothing(one, other):
    plain = json.dumps(one, ensure_ascii=False)
    try:
        raw = plain.encode()
    except UnicodeEncodeError:
        return
    assert body_fingerprint(raw) == body_fingerprint(json.dumps(one, indent=3, sort_keys=True).encode())
    if (
        json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)
        and one not in ({}, None)
        and other not in ({}, None)
    ):
        assert body_fingerprint(raw) != body_fingerprint(json.dumps(other).encode())

"""Which URLs and addresses may be called."""

import pytest

from booking_api.core.outbound.addresses import BadUrl, all_reachable, check_url, may_reach, read_url

ELSEWHERE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.88.99.1", "198.18.0.1", "203.0.113.9", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2002:7f00:1::", "2001:db8::1", "not an address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", ELSEWHERE)
def test_what_is_not_of_the_internet_is_not_called(address):
    assert not may_reach(address)
    assert not all_reachable(["93.184.215.14", address])


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_what_is_of_the_internet_may_be_called(address):
    assert may_reach(address)
    assert all_reachable([address])


def test_loopback_alone_is_admitted_where_it_is_wanted():
    assert may_reach("127.0.0.1", loopback=True)
    assert may_reach("::1", loopback=True)
    assert not may_reach("10.0.0.1", loopback=True)
    assert not all_reachable([])


def test_a_url_is_read_once():
    found = read_url("HTTPS://Bücher.Example:8443/a/b?c=d#e")
    assert (found.scheme, found.host, found.port, found.target) == ("https", "xn--bcher-kva.example", 8443, "/a/b?c=d")
    assert found.authority == "xn--bcher-kva.example:8443"
    assert read_url("https://example.org").authority == "example.org"
    assert read_url("https://[2606:2800::1]:99/").authority == "[2606:2800::1]:99"


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org", "ftp://example.org/", "https://", "https:///a", "https://user@example.org/",
        "https://user:word@example.org/", "https://example.org:0/", "https://example.org:99999/", "https://a b/",
        "https://example.org/a b", "https://example.org\\@127.0.0.1/", "https://example.org/\r\nx: y", "https://[::1/",
        "https://exa\u200bmple.org/", "https://example.org/ü", "https://" + "a" * 70 + ".org/", "//example.org/",
        "https://example.org/" + "a" * 2000, "javascript:alert(1)", "https://example.org/\x00",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_server_is_refused(url):
    with pytest.raises(BadUrl):
        read_url(url)


def test_what_can_be_said_of_a_url_without_asking_anybody():
    assert check_url("https://example.org/", loopback=False).host == "example.org"
    assert check_url("http://127.0.0.1:8080/", loopback=True).port == 8080
    for url in ("http://example.org/", "https://192.168.0.1/", "https://[::1]/", "http://127.0.0.1/"):
        with pytest.raises(BadUrl):
            check_url(url, loopback=False)

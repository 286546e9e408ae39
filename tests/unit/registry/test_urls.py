"""URLs that a registry hands out."""

from __future__ import annotations

import pytest

from bakex.errors import RegistryError
from bakex.registry.urls import check_peer, join, origin, with_digest

BASE = "https://registry.example.com"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://auth.example.com/token?x=1", BASE),
        ("https://10.0.0.5/token", BASE),
        ("https://192.168.1.1:8443/token", BASE),
        ("https://[2001:db8::1]/token", BASE),
        ("http://127.0.0.1:9/token", "http://127.0.0.1:5000"),
        ("http://localhost:9/token", "http://localhost:5000"),
        ("http://[::1]:9/token", "http://[::1]:5000"),
        ("http://other/token", "http://plain.example.com"),
        ("https://169.254.1.1/x", "https://169.254.1.1:5000"),
    ],
)
def test_ordinary_urls_pass(url: str, base: str) -> None:
    check_peer(url, base, "token realm")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://auth.example.com/token", "from https to http"),
        ("ftp://auth.example.com/token", "scheme 'ftp'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("//auth.example.com/token", "scheme ''"),
        ("https://user@auth.example.com/", "user information"),
        ("https://user:pass@auth.example.com/", "user information"),
        ("https://169.254.169.254/latest/meta-data", "address 169.254.169.254"),
        ("https://127.0.0.1/token", "address 127.0.0.1"),
        ("https://[::1]/token", "address ::1"),
        ("https://[::ffff:127.0.0.1]/token", "address"),
        ("https://0.0.0.0/token", "address"),
        ("https://224.0.0.1/token", "address"),
        ("https://localhost/token", "address localhost"),
        ("https://a.localhost/token", "address"),
        ("https://[broken/", "malformed"),
        ("https://host:99999/", "malformed"),
    ],
)
def test_hostile_urls_are_refused(url: str, reason: str) -> None:
    with pytest.raises(RegistryError, match=reason) as caught:
        check_peer(url, BASE, "token realm")
    assert "pass" not in str(caught.value)


def test_origins_have_their_default_ports() -> None:
    assert origin("https://h/x") == ("https", "h", 443)
    assert origin("http://H/x") == ("http", "h", 80)
    assert origin("http://h:5000/x") == ("http", "h", 5000)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("1?_s=%2B&a=1&a=2&e=", f"{BASE}/v2/a/blobs/uploads/1?_s=%2B&a=1&a=2&e="),
        ("https://storage.example.com/x?sig=a%2Fb", "https://storage.example.com/x?sig=a%2Fb"),
        ("2", f"{BASE}/v2/a/blobs/uploads/2"),
    ],
)
def test_locations_are_joined_as_they_are(location: str, expected: str) -> None:
    assert join(f"{BASE}/v2/a/blobs/uploads/1", location, BASE, "upload location") == expected


def test_a_location_is_checked() -> None:
    with pytest.raises(RegistryError, match="upload location"):
        join(f"{BASE}/v2/", "http://x/", BASE, "upload location")


def test_the_digest_is_appended() -> None:
    assert with_digest("https://h/u", "sha256:a") == "https://h/u?digest=sha256%3Aa"
    assert with_digest("https://h/u?s=%2F", "sha256:a") == "https://h/u?s=%2F&digest=sha256%3Aa"

"""Which proxy a host is reached through."""

from __future__ import annotations

import pytest

from bakex.registry.proxies import proxy_for

PROXY = "http://proxy:3128"


def through(host: str, no_proxy: str, port: int = 443) -> bool:
    return proxy_for("https", host, port, {"https_proxy": PROXY, "NO_PROXY": no_proxy}) is not None


def test_the_scheme_decides() -> None:
    environ = {"HTTPS_PROXY": "https://s", "http_proxy": "p:1", "ALL_PROXY": "http://a"}
    assert proxy_for("https", "host", 443, environ) == "https://s"
    assert proxy_for("http", "host", 80, environ) == "http://p:1"
    assert proxy_for("https", "host", 443, {"all_proxy": "http://a"}) == "http://a"
    assert proxy_for("https", "host", 443, {}) is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_reached_directly(host: str) -> None:
    assert not through(host, "")


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("host", "*"),
        ("host", "a, HOST ,b"),
        ("reg.example.com", "example.com"),
        ("reg.example.com", ".example.com"),
        ("reg.example.com", "*.example.com"),
        ("reg.example.com", "reg.example.com:443"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3:443"),
        ("2001:db8::1", "2001:db8::/32"),
        ("2001:db8::1", "[2001:db8::1]:443"),
        ("2001:db8::1", "[2001:db8::1]"),
    ],
)
def test_exceptions_match(host: str, no_proxy: str) -> None:
    assert not through(host, no_proxy)


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("host", ""),
        ("host", " , "),
        ("badexample.com", "example.com"),
        ("example.com", ".example.com"),
        ("reg.example.com", "reg.example.com:5000"),
        ("11.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "example.com"),
    ],
)
def test_other_hosts_do_not(host: str, no_proxy: str) -> None:
    assert through(host, no_proxy)

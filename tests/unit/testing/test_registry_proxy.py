"""The proxy makes things go wrong as it is told, and sees what a client must not do."""

from __future__ import annotations

import base64
import hashlib
import http.client
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bakex.testing.clock import ManualClock
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth
from bakex.testing.registry_proxy import RegistryProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = b"hello"
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
BASIC = "Basic " + base64.b64encode(b"joe:x").decode()
UPLOADS = "/v2/app/blobs/uploads/"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def proxy(clock: ManualClock) -> Iterator[RegistryProxy]:
    with FakeRegistry() as real, RegistryProxy(real.host, clock=clock) as found:
        yield found


def ask(
    proxy: RegistryProxy, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(target)
    connection = http.client.HTTPConnection(parts.netloc or proxy.host, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, rest, body=body or None, headers=sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def repeat(connection: http.client.HTTPConnection, method: str) -> None:
    connection.request(method, "/v2/")
    connection.getresponse().read()


def begun(proxy: RegistryProxy) -> str:
    status, headers, _ = ask(proxy, "POST", UPLOADS)
    assert status == 202
    return headers["Location"]


def finished(location: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={DIGEST}"


def test_a_good_client_is_served(proxy: RegistryProxy) -> None:
    assert ask(proxy, "PUT", finished(begun(proxy)), DATA)[0] == 201
    assert ask(proxy, "GET", f"/v2/app/blobs/{DIGEST}")[2] == DATA
    status, headers, body = ask(proxy, "HEAD", f"/v2/app/blobs/{DIGEST}")
    assert (status, headers["Content-Length"], body) == (200, "5", b"")
    assert proxy.committed(DIGEST) == 1
    assert proxy.violations == []


def test_a_registry_that_is_gone_is_a_bad_gateway() -> None:
    with FakeRegistry() as real:
        host = real.host
    with RegistryProxy(host) as proxy:
        assert ask(proxy, "GET", "/v2/")[0] == 502


def test_coming_back_too_early_is_seen(proxy: RegistryProxy, clock: ManualClock) -> None:
    proxy.fail(Fault(match="GET", status=429, headers={"Retry-After": "5"}))
    proxy.fail(
        Fault(match="HEAD", status=429, headers={"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"})
    )
    proxy.fail(Fault(match="POST", status=429, headers={"Retry-After": "soon"}))
    first, second = (http.client.HTTPConnection(proxy.host, timeout=10) for _ in range(2))
    with closing(first), closing(second):
        for method in ("GET", "HEAD", "POST"):
            repeat(first, method)
        clock.advance(6.0)
        repeat(first, "GET")
        # What comes on another connection may have been sent before the refusal.
        repeat(second, "HEAD")
        assert proxy.violations == []
        repeat(first, "HEAD")
    assert proxy.violations == ["HEAD /v2/: again before the time that was asked for"]


def test_credentials_for_another_host_are_seen(proxy: RegistryProxy) -> None:
    proxy.fail(Fault(match="GET", elsewhere="redirect"))
    status, headers, _ = ask(proxy, "GET", "/v2/app/tags/list")
    assert (status, headers["Location"]) == (307, f"{proxy.elsewhere}/v2/app/tags/list")
    ask(proxy, "GET", headers["Location"])
    assert proxy.violations == []
    ask(proxy, "GET", headers["Location"], Authorization="Bearer x")
    assert proxy.violations == ["GET /v2/app/tags/list: credentials for another host"]


def test_a_password_for_a_registry_that_takes_tokens_is_seen(clock: ManualClock) -> None:
    auth = RegistryAuth(access=Access.TOKEN, users={"joe": "x"})
    with FakeRegistry() as real, RegistryProxy(real.host, auth=auth, clock=clock) as proxy:
        assert ask(proxy, "GET", "/v2/")[0] == 401
        assert ask(proxy, "GET", "/token", Authorization=BASIC)[0] == 200
        assert proxy.violations == []
        assert ask(proxy, "GET", "/v2/", Authorization=BASIC)[0] == 401
        assert proxy.violations == ["GET /v2/: a password for a registry that takes tokens"]


def test_changed_and_old_locations_are_seen(proxy: RegistryProxy) -> None:
    proxy.fail(Fault(match="POST", location="opaque"))
    location = begun(proxy)
    ask(proxy, "PUT", finished(location.replace("dup=1&", "")), DATA)
    assert len(proxy.violations) == 1
    assert "another location than the last one" in proxy.violations[0]


def test_relative_locations_have_no_host(proxy: RegistryProxy) -> None:
    proxy.fail(Fault(match="POST", location="relative"))
    assert begun(proxy).startswith("/v2/app/")
    proxy.fail(Fault(match="POST", elsewhere="location"))
    assert begun(proxy).startswith(proxy.elsewhere)


def test_gaps_and_wrong_lengths_of_chunks_are_seen(proxy: RegistryProxy) -> None:
    location = begun(proxy)
    good = {"Content_Range": "0-1"}
    assert ask(proxy, "PATCH", location, DATA[:2], **good)[0] == 202
    assert proxy.violations == []
    ask(proxy, "PATCH", location, DATA[3:], Content_Range="3-4")
    ask(proxy, "PATCH", location, DATA[2:], Content_Range="2-3")
    assert [found.partition(": ")[2] for found in proxy.violations] == [
        "a chunk that starts at 3 instead of 2",
        "a chunk of another length than its range",
    ]


def test_parameters_of_media_types_are_seen(proxy: RegistryProxy) -> None:
    ask(proxy, "PUT", "/v2/app/manifests/1", b"{}", Content_Type="application/json; charset=utf-8")
    assert "parameters in the media type" in proxy.violations[0]


def test_part_of_a_body_is_served(proxy: RegistryProxy) -> None:
    location = begun(proxy)
    proxy.fail(Fault(match="PATCH", keep=2))
    _, headers, _ = ask(proxy, "PATCH", location, DATA, Content_Range="0-4")
    assert headers["Range"] == "0-1"


def test_connections_break_where_they_should(proxy: RegistryProxy) -> None:
    location = begun(proxy)
    proxy.fail(Fault(match="PUT", reset="body", after=2))
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the kernel
        ask(proxy, "PUT", finished(location), DATA)
    assert proxy.committed(DIGEST) == 0
    proxy.fail(Fault(match="GET", garbage=b"nonsense\r\n\r\n"))
    with pytest.raises(http.client.BadStatusLine):
        ask(proxy, "GET", "/v2/")
    proxy.fail(Fault(match="PUT", status=413, early=True))
    assert ask(proxy, "PUT", finished(begun(proxy)), DATA)[0] == 413


def test_a_mount_becomes_an_upload(proxy: RegistryProxy) -> None:
    ask(proxy, "PUT", finished(begun(proxy)), DATA)
    mount = f"/v2/other/blobs/uploads/?mount={DIGEST}&from=app"
    proxy.fail(Fault(match="mount=", query=""))
    assert ask(proxy, "POST", mount)[0] == 202
    assert ask(proxy, "POST", mount)[0] == 201

"""Answers and failures as errors."""

from __future__ import annotations

import json
import ssl

import httpx
import pytest

from bakex.errors import (
    DeniedError,
    NameUnknownError,
    RateLimitedError,
    RegistryError,
    UnauthorizedError,
)
from bakex.registry.errors import Answer, most_telling, refused, unreachable


def answer(status: int, body: bytes = b"", *, authorized: bool = False, **headers: str) -> Answer:
    sent = httpx.Headers({key.replace("_", "-"): value for key, value in headers.items()})
    return Answer(status=status, headers=sent, url="", body=body, authorized=authorized)


def errors(*pairs: tuple[str, str]) -> bytes:
    return json.dumps({"errors": [{"code": c, "message": m} for c, m in pairs]}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "meaning", "transient"),
    [
        (400, RegistryError, "the registry refused", False),
        (401, UnauthorizedError, "it wants a login", False),
        (403, DeniedError, "access is denied", False),
        (404, NameUnknownError, "it is not there", False),
        (413, RegistryError, "it is too large", False),
        (429, RateLimitedError, "too many requests", True),
        (502, RegistryError, "the registry failed", True),
        (507, RegistryError, "the registry failed", False),
    ],
)
def test_statuses_have_their_error(
    status: int, kind: type[RegistryError], meaning: str, transient: bool
) -> None:
    error = refused(answer(status), "push a blob to", "ghcr.io/acme/app")
    assert type(error) is kind
    assert error.summary.startswith(f"cannot push a blob to ghcr.io/acme/app: {meaning}")
    assert error.summary.endswith(f"(HTTP {status})")
    assert (error.status, error.transient) == (status, transient)


def test_codes_and_messages_are_shown() -> None:
    body = errors(("DENIED", "no write access"), ("OTHER", ""))
    error = refused(answer(403, body, x_request_id="42"), "push to", "ghcr.io/acme/app:1")
    assert error.summary.endswith("(HTTP 403 DENIED OTHER)")
    assert error.detail == "no write access\nRequest ID: 42"


def test_codes_count_where_the_status_does_not_tell() -> None:
    error = refused(answer(400, errors(("MANIFEST_UNKNOWN", ""))), "find", "h/a:1")
    assert isinstance(error, NameUnknownError)


@pytest.mark.parametrize(
    ("status", "authorized", "place", "hint"),
    [
        (401, False, "ghcr.io/a", "log in with: bakex login ghcr.io"),
        (401, True, "docker.io/library/a", "log in with: bakex login"),
        (403, False, "ghcr.io/a", "log in with: bakex login ghcr.io"),
        (403, True, "h:5000/a", "check that the account logged in to h:5000 may write"),
        (429, True, "h/a", "try again later"),
        (400, True, "h/a", ""),
    ],
)
def test_hints_name_the_next_step(status: int, authorized: bool, place: str, hint: str) -> None:
    error = refused(answer(status, authorized=authorized), "push to", place)
    assert error.hint.startswith(hint)
    assert bool(error.hint) == bool(hint)


def test_refused_credentials_are_called_so() -> None:
    error = refused(answer(401, authorized=True), "push to", "h/a")
    assert "the credentials were refused" in error.summary


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"plain  text\n\x1b[31m", "plain text [31m"),
        (b"[1]", "[1]"),
        (b'{"errors": 5}', '{"errors": 5}'),
        (b'{"errors": ["x"]}', '{"errors": ["x"]}'),
        (b"x" * 5000, "x" * 300 + " ..."),
        (b"\xff", "\ufffd"),
        (b"Authorization: Bearer abcdefghijkl", "Authorization: Bearer ***"),
    ],
)
def test_other_bodies_are_shown_in_part(body: bytes, shown: str) -> None:
    assert refused(answer(500, body), "use", "h").detail == shown


def test_pages_are_not_shown() -> None:
    page = answer(502, b"<html>...", content_type="text/html")
    assert refused(page, "use", "h").detail == ""


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


def test_no_answer_is_transient() -> None:
    error = unreachable(httpx.ConnectError("Connection refused"), "push to", "h:5000/a")
    assert error.summary == "cannot push to h:5000/a: no answer from h:5000"
    assert error.detail == "Connection refused"
    assert error.transient
    assert unreachable(httpx.ReadTimeout(""), "push to", "h").detail == "ReadTimeout"


def test_a_certificate_that_is_not_trusted_is_not_tried_again() -> None:
    tls = ssl.SSLCertVerificationError(1, "verify failed")
    tls.verify_message = "self-signed certificate"
    error = unreachable(caused(httpx.ConnectError("x"), tls), "push to", "h:5000/a")
    assert not error.transient
    assert error.detail == "self-signed certificate"
    assert error.hint.endswith("/etc/docker/certs.d/h:5000/ca.crt")


def test_a_host_without_tls_is_not_tried_again() -> None:
    tls = ssl.SSLError(1, "wrong version number")
    error = unreachable(caused(httpx.ConnectError("x"), tls), "push to", "h/a")
    assert not error.transient
    assert "registry.insecure=true" in error.hint


def test_a_broken_handshake_is() -> None:
    tls = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    assert unreachable(caused(httpx.ConnectError("x"), tls), "push to", "h/a").transient


def test_the_failure_in_the_servers_own_protocol_tells_most() -> None:
    def failure(text: str, inner: Exception | None = None) -> RegistryError:
        outer = httpx.ConnectError(text)
        found = unreachable(caused(outer, inner) if inner else outer, "push to", "h")
        found.__context__ = outer  # as it is where one is raised because of the other
        return found

    told = refused(answer(400, b"Client sent an HTTP request to an HTTPS server."), "push to", "h")
    reset = failure("reset")
    tls = ssl.SSLCertVerificationError(1, "verify failed")
    tls.verify_message = "self-signed certificate"
    untrusted = failure("x", tls)
    not_tls = failure("x", ssl.SSLError(1, "wrong version number"))
    assert most_telling([told, untrusted]) is untrusted
    assert most_telling([reset, untrusted]) is untrusted
    assert most_telling([reset, not_tls]) is reset
    assert most_telling([not_tls, reset]) is reset
    assert most_telling([told, reset]) is reset
    assert most_telling([reset, failure("refused")]) is reset

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.certificates import expiry
from bakex.nodes.tls import WARN_BEFORE, expiring, refusal

if TYPE_CHECKING:
    from tests.unit.nodes.conftest import Certificates

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def endpoint(**options: Any) -> Endpoint:
    return Endpoint(name=NodeName("n"), address="tcp://h:1", wire=Wire.BUILDKIT, **options)


def verification(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_code = code
    error.verify_message = message
    return error


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("code", "summary"),
    [
        (10, "the certificate of the server has expired"),
        (9, "the certificate of the server is not valid yet"),
        (20, "from an unknown authority"),
        (62, "is for another name"),
        (26, "the certificate of the server is not accepted"),
    ],
)
def test_faults_of_the_server(code: int, summary: str) -> None:
    error = refusal(endpoint(origin="--builder"), verification(code, "some reason"))
    assert error.summary.startswith("tcp://h:1 (--builder): ")
    assert summary in error.summary
    assert error.detail.startswith("Some reason.")
    assert error.hint


@pytest.mark.parametrize(
    ("reason", "cert", "summary"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "", "wants a client certificate"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "", "wants a client certificate"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "c.pem", "does not accept the client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "c.pem", "does not accept the client certificate"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "c.pem", "the client certificate has expired"),
        ("WRONG_VERSION_NUMBER", "c.pem", "TLS could not be set up"),
    ],
)
def test_refusals_by_the_server(reason: str, cert: str, summary: str) -> None:
    error = refusal(endpoint(tls_cert=cert), alert(reason), NOW)
    assert summary in error.summary
    assert error.hint


def test_an_expired_certificate_is_seen_whatever_the_server_says(
    certificates: Certificates,
) -> None:
    ends = expiry(certificates.cert)
    assert ends is not None
    where, error = endpoint(tls_cert=certificates.cert), alert("SSLV3_ALERT_BAD_CERTIFICATE")
    assert "has expired" in refusal(where, error, ends).summary
    assert f"ended on {ends:%Y-%m-%d}" in refusal(where, error, ends).detail
    assert "does not accept" in refusal(where, error, ends - timedelta(seconds=1)).summary


def test_warnings_come_two_weeks_before_the_end(certificates: Certificates) -> None:
    ends = expiry(certificates.cert)
    assert ends is not None
    where = endpoint(tls_cert=certificates.cert)
    assert expiring(where, {}, ends - WARN_BEFORE - timedelta(seconds=1)) == ()
    (warning,) = expiring(where, {}, ends - WARN_BEFORE)
    assert warning.severity == "warning"
    assert certificates.cert in warning.summary


def test_warnings_about_the_servers_certificate() -> None:
    peer = {"notAfter": "Jan  9 00:00:00 2026 GMT"}
    (warning,) = expiring(endpoint(tls_ca="ca"), peer, NOW)
    assert "the certificate of the server ends on 2026-01-09" in warning.summary
    assert expiring(endpoint(tls_ca="ca"), peer, NOW - timedelta(days=30)) == ()

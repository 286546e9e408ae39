"""TLS to daemons: the settings of an endpoint, and what a failed handshake means.

With TLS 1.3 a client is done before the server has looked at its certificate: a refusal comes as
an alert where the first answer should be (RFC 8446, section 4.4.2.4 and appendix A.1).
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bakex._util.tls import client_context
from bakex.diagnostics import Diagnostic
from bakex.errors import DialError
from bakex.model.node import Wire
from bakex.nodes.certificates import expiry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.node import Endpoint

WARN_BEFORE: Final = timedelta(days=14)
# X509_V_ERR_*, from openssl's x509_vfy.h.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME: Final = frozenset({62, 64})
# What a server that wanted a certificate says to one who sent none: the alert of TLS 1.3, and
# those that servers use with TLS 1.2.
_NONE_SENT: Final = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
_REFUSED: Final = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "ACCESS_DENIED")


def uses_tls(endpoint: Endpoint) -> bool:
    """Return whether the endpoint's settings ask for TLS."""
    asked = endpoint.tls_ca or endpoint.tls_cert or endpoint.tls_server_name
    return bool(asked) or not endpoint.tls_verify


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Return the TLS settings of an endpoint, at least TLS 1.2; None for a plain connection.

    Without an authority's certificate of its own, the system's authorities are trusted.

    Raises:
        DialError: A certificate or key file is missing or is not one.
    """
    if not uses_tls(endpoint):
        return None
    try:
        context = client_context(authorities=endpoint.tls_ca or None)
    except (OSError, ValueError) as error:
        raise _bad_file(endpoint, "authority's certificate", endpoint.tls_ca, error) from error
    if not endpoint.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if endpoint.wire is Wire.BUILDKIT:
        context.set_alpn_protocols(["h2"])
    if endpoint.tls_cert:
        try:
            context.load_cert_chain(endpoint.tls_cert, endpoint.tls_key or None)
        except (OSError, ValueError) as error:
            what = "client certificate or its key"
            raise _bad_file(endpoint, what, endpoint.tls_cert, error) from error
    return context


def refusal(endpoint: Endpoint, error: ssl.SSLError, now: datetime | None = None) -> DialError:
    """Return what a failed handshake means, and what to do about it.

    Args:
        endpoint: With whom.
        error: What Python says.
        now: To see whether the client certificate has expired; daemons do not always say so.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _server(endpoint, error)
    reason = error.reason or str(error)
    expires = expiry(endpoint.tls_cert) if endpoint.tls_cert else None
    if "CERTIFICATE_EXPIRED" in reason or (expires and now and expires <= now):
        when = f" on {expires:%Y-%m-%d}" if expires else ""
        return _failure(
            endpoint,
            "the client certificate has expired",
            f"{endpoint.tls_cert} ended{when}, and the daemon does not take it any more.",
            "have the daemon's authority sign a new one",
        )
    if not endpoint.tls_cert and any(word in reason for word in _NONE_SENT):
        return _failure(
            endpoint,
            "the daemon wants a client certificate",
            "It knows its clients by certificates, and none was given.",
            "give cert and key with the address, or set DOCKER_CERT_PATH for a docker daemon",
        )
    if any(word in reason for word in _REFUSED):
        return _failure(
            endpoint,
            "the daemon does not accept the client certificate",
            f"{endpoint.tls_cert or 'No certificate'} was sent; the answer was {reason}.",
            "use a certificate that the daemon's own authority has signed",
        )
    return _failure(
        endpoint,
        "TLS could not be set up",
        f"{reason}.",
        "check that the daemon speaks TLS on this port",
    )


def expiring(
    endpoint: Endpoint, peer: Mapping[str, object], now: datetime
) -> tuple[Diagnostic, ...]:
    """Return warnings about certificates that end within two weeks.

    Args:
        endpoint: Whose client certificate to look at.
        peer: The server's certificate, as `ssl.SSLSocket.getpeercert` gives it.
        now: The time.
    """
    found: list[tuple[str, datetime]] = []
    ends = peer.get("notAfter")
    if isinstance(ends, str):
        seconds = ssl.cert_time_to_seconds(ends)
        found.append(("the certificate of the server", datetime.fromtimestamp(seconds, UTC)))
    own = expiry(endpoint.tls_cert) if endpoint.tls_cert else None
    if own is not None:
        found.append((f"the client certificate {endpoint.tls_cert}", own))
    return tuple(
        Diagnostic(
            code="BX3510",
            severity="warning",
            summary=f"{endpoint.address}: {what} ends on {when:%Y-%m-%d}",
            detail="From then on nothing can be built there.",
            hint="replace it before that",
        )
        for what, when in found
        if when - now <= WARN_BEFORE
    )


def _server(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> DialError:
    words = f"{error.verify_message[:1].upper()}{error.verify_message[1:].rstrip('.')}."
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return _failure(
            endpoint,
            "the certificate of the server is from an unknown authority",
            f"{words} {endpoint.tls_ca or 'The list of the system'} does not name who signed it.",
            "give the certificate of the daemon's authority (cacert)",
        )
    if error.verify_code in _OTHER_NAME:
        return _failure(
            endpoint,
            "the certificate of the server is for another name",
            words,
            "use a name that is in the certificate, or give it as servername",
        )
    if error.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        word = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
        return _failure(
            endpoint,
            f"the certificate of the server {word}",
            words,
            "renew it, or set the clocks of both machines",
        )
    return _failure(
        endpoint,
        "the certificate of the server is not accepted",
        words,
        "check the authority's certificate and the server name",
    )


def _failure(endpoint: Endpoint, what: str, why: str, todo: str) -> DialError:
    origin = f" ({endpoint.origin})" if endpoint.origin else ""
    return DialError(f"{endpoint.address}{origin}: {what}", detail=why, hint=todo)


def _bad_file(endpoint: Endpoint, what: str, path: str, error: Exception) -> DialError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return DialError(
        f"{endpoint.address}: the {what} cannot be used",
        detail=f"{path}: {reason}.",
        hint="give PEM files that can be read",
    )

"""URLs, headers and texts made safe to show: whatever may be a credential becomes ``***``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK = "***"
_SAFE_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-length", "content-range",
        "content-type", "date", "docker-content-digest", "docker-distribution-api-version",
        "etag", "host", "oci-subject", "oci-tag", "range", "retry-after", "server",
        "user-agent", "x-request-id",
    }
)  # fmt: skip
# In text that a server or a program wrote: an authorization header, or a query parameter that
# object stores and token servers use for signatures and passwords.
_AUTHORIZATION = re.compile(
    r"\b(basic|bearer)\s+(?!(?:auth|authentication|authorization|credentials?|tokens?)\b)"
    r"[A-Za-z0-9._~+/=-]{6,}",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"\b((?:x-amz-|x-goog-)?(?:signature|credential|security-token|password|secret|token|"
    r"access_token|refresh_token|sig)=)[^&\s\"']+",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(://)[^/\s@]+@")


def redact_url(url: str) -> str:
    """Return a URL without user information, query values and fragment; never raises."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return MASK
    keys = [pair.partition("=")[0] for pair in parts.query.split("&") if pair]
    query = "&".join(f"{key}={MASK}" for key in keys)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with the values masked of all but a few that never hold a secret."""
    return {
        name: value if name.lower() in _SAFE_HEADERS else MASK for name, value in headers.items()
    }


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with the given secrets, and whatever looks like one, masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, MASK)
    text = _AUTHORIZATION.sub(rf"\1 {MASK}", text)
    text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _USERINFO.sub(rf"\1{MASK}@", text)

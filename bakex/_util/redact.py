"""Texts made safe to show: whatever may be a credential becomes ``***``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"
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


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with the given secrets, and whatever looks like one, masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, MASK)
    text = _AUTHORIZATION.sub(rf"\1 {MASK}", text)
    text = _PARAMETER.sub(rf"\1{MASK}", text)
    return _USERINFO.sub(rf"\1{MASK}@", text)

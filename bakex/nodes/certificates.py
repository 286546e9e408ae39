"""When certificates expire, read out of PEM files.

Only the validity of X.509 certificates is looked at (RFC 5280, section 4.1); whether they are any
good is for TLS to find out.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"
# Tags of DER (X.690): what stands before the validity, and the two forms of a time.
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18


def expiry(file: str) -> datetime | None:
    """Return when the first certificate of a PEM file expires; None if that cannot be read."""
    try:
        text = Path(file).read_text("ascii", "replace")
        start = text.index(_BEGIN)
        pem = text[start : text.index(_END, start) + len(_END)]
        return not_after(ssl.PEM_cert_to_DER_cert(pem))
    except (OSError, ValueError, IndexError):
        return None


def not_after(der: bytes) -> datetime:
    """Return the end of a certificate's validity.

    Raises:
        ValueError, IndexError: It is no certificate.
    """
    body = _children(_children(der)[0][1])
    fields = _children(body[0][1])
    # Certificate: version (may be missing), serial, algorithm, issuer, validity, ...
    position = 4 if fields[0][0] == _VERSION else 3
    tag, value = _children(fields[position][1])[1]
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        # Section 4.1.2.5.1: two digits, of the years 1950 to 2049.
        century = "19" if int(text[:2]) >= 50 else "20"
        text = century + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("the validity is not a time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element that stands in some bytes."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        found.append((tag, data[position : position + length]))
        position += length
    return found

"""RSA decryption as in PKCS #1 v1.5 (RFC 8017, sections 7.2.2 and A.1.2).

Only for data that the user's own files hold together with the key: nothing here is protected
against an observer who can measure time.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

from bakex.bake.functions.function import FunctionError

_PEM = re.compile(
    r"-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END \1-----", re.ASCII
)
_SEQUENCE, _INTEGER = 0x30, 0x02
_LARGEST_KEY = 16_384  # bits; raising to a power takes seconds beyond
_FEWEST_PADDING = 8  # bytes


def decrypt(ciphertext: bytes, pem: str) -> bytes:
    """Return the message.

    Raises:
        FunctionError: The key is none, or the message is not encrypted for it.
    """
    modulus, exponent = _private_key(pem)
    size = (modulus.bit_length() + 7) // 8
    if len(ciphertext) != size or modulus.bit_length() > _LARGEST_KEY:
        raise _not_for_this_key()
    padded = pow(int.from_bytes(ciphertext, "big"), exponent, modulus).to_bytes(size, "big")
    stop = padded.find(b"\0", 2)
    if not padded.startswith(b"\0\2") or stop < 2 + _FEWEST_PADDING:
        raise _not_for_this_key()
    return padded[stop + 1 :]


def _not_for_this_key() -> FunctionError:
    return FunctionError("the text is not encrypted for this key", 0)


def _private_key(pem: str) -> tuple[int, int]:
    """Return modulus and private exponent."""
    match = _PEM.search(pem)
    if match is None:
        raise FunctionError("this is not a key in PEM form", 1)
    if match[1] != "RSA PRIVATE KEY":
        raise FunctionError(
            f'the key is of the kind "{match[1]}"',
            1,
            hint="convert it: openssl rsa -traditional -in key.pem",
        )
    try:
        numbers = _integers(a2b_base64(match[2]))
        _, modulus, _, exponent = numbers[:4]
    except (Error, ValueError, IndexError):
        raise FunctionError("the key is damaged, or protected by a password", 1) from None
    if modulus < 3 or exponent < 1:
        raise FunctionError("the key is damaged", 1)
    return modulus, exponent


def _integers(der: bytes) -> list[int]:
    """Return the integers of a sequence in DER."""
    tag, content, _ = _element(der)
    if tag != _SEQUENCE:
        raise ValueError
    found: list[int] = []
    while content:
        tag, value, content = _element(content)
        if tag != _INTEGER:
            raise ValueError
        found.append(int.from_bytes(value, "big", signed=True))
    return found


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and content of the first element, and what follows it."""
    tag, size, start = der[0], der[1], 2
    if size & 0x80:
        count = size & 0x7F
        start += count
        size = int.from_bytes(der[2:start], "big")
    if start + size > len(der):
        raise ValueError
    return tag, der[start : start + size], der[start + size :]

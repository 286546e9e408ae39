"""Hashes, identifiers and RSA (specification section 2.15, "Strings")."""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64

from bakex.bake.functions.arguments import whole
from bakex.bake.functions.encoding import decode_base64
from bakex.bake.functions.function import Context, FunctionError
from bakex.bake.functions.rsa import decrypt
from bakex.bake.values.value import Value, string

_UUID = re.compile(
    r"(?:urn:uuid:)?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})",
    re.IGNORECASE | re.ASCII,
)
_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE | re.ASCII)
_NAMESPACES = {
    "dns": 0,
    "url": 1,
    "oid": 2,
    "x500": 4,
}  # RFC 9562, section 6.6: they differ in this
_NAMESPACE = "6ba7b81{}9dad11d180b400c04fd430c8"
_DEFAULT_COST = 10
_LEAST_COST, _LARGEST_COST = 4, 31
_STEPS_OF_ROUND = 2  # as a power of two; a hash of cost 18 would take half a minute
_LONGEST_PASSWORD = 72  # bytes; bcrypt would ignore the rest


def _bytes(text: Value) -> bytes:
    return text.text.encode("utf-8", "replace")


def md5(text: Value) -> Value:
    """Return the MD5 of the text in UTF-8."""
    return string(hashlib.md5(_bytes(text), usedforsecurity=False).hexdigest())


def sha1(text: Value) -> Value:
    """Return the SHA-1 of the text in UTF-8."""
    return string(hashlib.sha1(_bytes(text), usedforsecurity=False).hexdigest())


def sha256(text: Value) -> Value:
    """Return the SHA-256 of the text in UTF-8."""
    return string(hashlib.sha256(_bytes(text)).hexdigest())


def sha512(text: Value) -> Value:
    """Return the SHA-512 of the text in UTF-8."""
    return string(hashlib.sha512(_bytes(text)).hexdigest())


def uuidv4(context: Context) -> Value:
    """Return a random identifier."""
    return string(_identifier(context.random_bytes(16), 4))


def uuidv5(namespace: Value, name: Value) -> Value:
    """Return the identifier of a name in a namespace: dns, url, oid, x500 or an identifier."""
    digits = _namespace(namespace.text)
    digest = hashlib.sha1(bytes.fromhex(digits) + _bytes(name), usedforsecurity=False)
    return string(_identifier(digest.digest()[:16], 5))


def _namespace(text: str) -> str:
    if text in _NAMESPACES:
        return _NAMESPACE.format(_NAMESPACES[text])
    bare = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if (match := _UUID.fullmatch(bare)) is not None:
        return "".join(match.groups())
    if _HEX.fullmatch(text):
        return text
    raise FunctionError(
        f'"{text[:60]}" is no namespace', 0, hint="use dns, url, oid, x500 or a UUID"
    )


def _identifier(content: bytes, version: int) -> str:
    """Return 16 bytes as a UUID of a version (RFC 9562, section 5)."""
    marked = bytearray(content)
    marked[6] = marked[6] & 0x0F | version << 4
    marked[8] = marked[8] & 0x3F | 0x80
    digits = marked.hex()
    return "-".join(
        (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]),
    )


def bcrypt(context: Context, text: Value, *cost: Value) -> Value:
    """Return a bcrypt hash."""
    if len(cost) > 1:
        raise FunctionError("there is one cost at most", 2)
    rounds = whole(cost[0], 1, "cost") if cost else _DEFAULT_COST
    if rounds > _LARGEST_COST:
        raise FunctionError(f"the cost is at most {_LARGEST_COST}", 1)
    if len(_bytes(text)) > _LONGEST_PASSWORD:
        raise FunctionError(f"the text is longer than {_LONGEST_PASSWORD} bytes", 0)
    from bcrypt import hashpw  # noqa: PLC0415 - start-up: few files call this function

    rounds = rounds if rounds >= _LEAST_COST else _DEFAULT_COST
    context.spend(1 << (rounds + _STEPS_OF_ROUND))
    salt = f"$2a${rounds:02d}${_salt(context.random_bytes(16))}"
    return string(hashpw(_bytes(text), salt.encode("ascii")).decode("ascii"))


def _salt(content: bytes) -> str:
    """Return 16 bytes in the base64 of bcrypt, whose alphabet is another one."""
    ordinary = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    own = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    encoded = b2a_base64(content, newline=False).decode("ascii").rstrip("=")
    return encoded.translate(str.maketrans(ordinary, own))


def rsadecrypt(ciphertext: Value, privatekey: Value) -> Value:
    """Return what was encrypted for a private key in PEM (PKCS #1)."""
    try:
        return string(decrypt(decode_base64(ciphertext.text), privatekey.text).decode("utf-8"))
    except UnicodeDecodeError:
        raise FunctionError("what was encrypted is not text in UTF-8", 0) from None

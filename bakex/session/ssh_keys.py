"""Private keys from files, offered as an agent that lives in this process.

Nothing is written, no program is started, and a key never leaves: build steps get signatures.
Formats: OpenSSH's own, and PEM (PKCS#1, SEC1, PKCS#8). Source of the signature formats: RFC 4253
section 6.6, RFC 5656 section 3.1.2, RFC 8332, RFC 8709.
"""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from bakex.errors import SessionError
from bakex.session.blocking import in_thread
from bakex.session.ssh_agent import FAILURE, Kind, SignRequest, identities, pack_text, signature

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from bakex.session.ssh_agent import Agent

MAX_KEY_SIZE = 100 << 10
"""Bytes of a key file; BuildKit's client reads no more."""

_RSA_SHA2_256, _RSA_SHA2_512 = 2, 4  # flags of a request


class Key(Protocol):
    """A private key."""

    @property
    def blob(self) -> bytes:
        """The public key, as SSH writes it."""
        ...

    def sign(self, data: bytes, flags: int) -> bytes:
        """Return the signature, as SSH writes it (blocking)."""
        ...


class KeySource:
    """An agent that holds the keys of some files and nothing else."""

    def __init__(self, keys: Sequence[tuple[str, Key]]) -> None:
        """Take the keys, each with the comment under which it is listed."""
        self._keys = {key.blob: (comment, key) for comment, key in keys}

    @classmethod
    def load(cls, paths: Sequence[Path]) -> KeySource:
        """Read key files (blocking).

        Raises:
            SessionError: A file cannot be read, is no private key, or is encrypted.
        """
        return cls([(path.name, load_key(path)) for path in paths])

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Agent]:
        """Return the agent (`bakex.session.ssh_agent.AgentSource`)."""
        yield self

    async def answer(self, request: bytes) -> bytes:
        """Answer a request (`bakex.session.ssh_agent.Agent`)."""
        if request[0] == Kind.REQUEST_IDENTITIES:
            return identities([(blob, comment) for blob, (comment, _) in self._keys.items()])
        asked = SignRequest.parse(request) if request[0] == Kind.SIGN_REQUEST else None
        found = self._keys.get(asked.key) if asked else None
        if asked is None or found is None:
            return FAILURE
        return signature(await in_thread(found[1].sign, asked.data, asked.flags))


def load_key(path: Path) -> Key:
    """Read a private key (blocking).

    Raises:
        SessionError: It cannot be read, is no private key, or is encrypted.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_SIZE)
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise SessionError(f"cannot read the SSH key {str(path)!r}: {reason}") from None
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> Key:
    # A compiled library that takes a third of bakex's start-up time: only for builds that need it.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        load_pem_private_key,
        load_ssh_private_key,
    )

    load = load_ssh_private_key if b"BEGIN OPENSSH" in content else load_pem_private_key
    try:
        key = load(content, password=None)
    except TypeError:
        # The library's word for a key that needs a password.
        raise _encrypted(path) from None
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in content:
            raise _encrypted(path) from None
        raise SessionError(
            f"{str(path)!r} is no SSH private key",
            detail="It is neither an OpenSSH key nor a PEM one.",
            hint="name the private key, not the public one",
        ) from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _Ed25519(key)
    if isinstance(key, rsa.RSAPrivateKey):
        return _Rsa(key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _Ecdsa(key)
    raise SessionError(
        f"the SSH key {str(path)!r} is of a kind that is not supported",
        hint="use an ed25519, RSA or ECDSA key, or an agent",
    )


def _encrypted(path: Path) -> SessionError:
    return SessionError(
        f"the SSH key {str(path)!r} is encrypted",
        detail="Nothing asks for its passphrase.",
        hint=f"add it to an agent with ssh-add {path}, and leave the path out of ssh",
    )


def _public(key: Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - see `_parse`
        Encoding,
        PublicFormat,
    )

    text = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(text.split()[1])


class _Ed25519:
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.blob = _public(key)

    def sign(self, data: bytes, flags: int) -> bytes:
        del flags
        return pack_text(b"ssh-ed25519") + pack_text(self._key.sign(data))


class _Rsa:
    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self.blob = _public(key)

    def sign(self, data: bytes, flags: int) -> bytes:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see `_parse`
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415

        # The newer algorithm counts if both are asked for, as in OpenSSH.
        algorithm: hashes.HashAlgorithm
        if flags & _RSA_SHA2_512:
            name, algorithm = b"rsa-sha2-512", hashes.SHA512()
        elif flags & _RSA_SHA2_256:
            name, algorithm = b"rsa-sha2-256", hashes.SHA256()
        else:
            # What the protocol means by no flags; servers decide whether they still take it.
            name, algorithm = b"ssh-rsa", hashes.SHA1()  # noqa: S303 - the protocol's algorithm
        return pack_text(name) + pack_text(self._key.sign(data, PKCS1v15(), algorithm))


_CURVES = {"secp256r1": b"nistp256", "secp384r1": b"nistp384", "secp521r1": b"nistp521"}


class _Ecdsa:
    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key
        self.blob = _public(key)

    def sign(self, data: bytes, flags: int) -> bytes:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see `_parse`
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.utils import (  # noqa: PLC0415
            decode_dss_signature,
        )

        del flags
        size = self._key.curve.key_size
        algorithm = (
            hashes.SHA256() if size <= 256 else hashes.SHA384() if size <= 384 else hashes.SHA512()
        )
        numbers = decode_dss_signature(self._key.sign(data, ECDSA(algorithm)))
        name = b"ecdsa-sha2-" + _CURVES[self._key.curve.name]
        return pack_text(name) + pack_text(b"".join(map(_mpint, numbers)))


def _mpint(number: int) -> bytes:
    """Return a positive number as RFC 4251 section 5 writes it: no sign bit, no leading zeros."""
    return pack_text(number.to_bytes(number.bit_length() // 8 + 1, "big"))

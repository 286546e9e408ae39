from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_public_key,
)

from bakex.errors import SessionError
from bakex.session.ssh_agent import FAILURE, pack_text
from bakex.session.ssh_keys import KeySource, load_key

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

DATA = b"challenge"


def fields(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    while data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def write(
    path: Path,
    key: PrivateKeyTypes,
    style: PrivateFormat = PrivateFormat.OpenSSH,
    password: bytes = b"",
) -> Path:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, style, protection))
    return path


STYLES = [PrivateFormat.OpenSSH, PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8]


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("style", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_an_ed25519_key(tmp_path: Path, style: PrivateFormat) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    loaded = load_key(write(tmp_path / "k", key, style))
    kind, public = fields(loaded.blob)
    name, signed = fields(loaded.sign(DATA, 0))
    assert (kind, name) == (b"ssh-ed25519", b"ssh-ed25519")
    assert public == key.public_key().public_bytes_raw()
    key.public_key().verify(signed, DATA)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("flags", "name", "algorithm"),
    [
        (0, b"ssh-rsa", hashes.SHA1()),
        (2, b"rsa-sha2-256", hashes.SHA256()),
        (4, b"rsa-sha2-512", hashes.SHA512()),
        (6, b"rsa-sha2-512", hashes.SHA512()),
    ],
)
def test_an_rsa_key(
    tmp_path: Path,
    rsa_key: rsa.RSAPrivateKey,
    style: PrivateFormat,
    flags: int,
    name: bytes,
    algorithm: hashes.HashAlgorithm,
) -> None:
    loaded = load_key(write(tmp_path / "k", rsa_key, style))
    assert fields(loaded.blob)[0] == b"ssh-rsa"
    found, signed = fields(loaded.sign(DATA, flags))
    assert found == name
    rsa_key.public_key().verify(signed, DATA, padding.PKCS1v15(), algorithm)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("curve", "algorithm"),
    [
        (ec.SECP256R1(), hashes.SHA256()),
        (ec.SECP384R1(), hashes.SHA384()),
        (ec.SECP521R1(), hashes.SHA512()),
    ],
)
def test_ecdsa_keys(
    tmp_path: Path, style: PrivateFormat, curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm
) -> None:
    key = ec.generate_private_key(curve)
    loaded = load_key(write(tmp_path / "k", key, style))
    numbers = (0, 0)
    for _ in range(8):  # numbers with and without a leading bit
        name, signed = fields(loaded.sign(DATA, 0))
        r, s = fields(signed)
        assert r[0] < 0x80
        assert s[0] < 0x80
        assert fields(loaded.blob)[0] == name
        numbers = (int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        key.public_key().verify(encode_dss_signature(*numbers), DATA, ec.ECDSA(algorithm))
    signature = encode_dss_signature(*numbers)
    with pytest.raises(InvalidSignature):
        key.public_key().verify(signature, b"other", ec.ECDSA(algorithm))


@pytest.mark.parametrize("style", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_encrypted_keys(tmp_path: Path, style: PrivateFormat) -> None:
    path = write(tmp_path / "k", ed25519.Ed25519PrivateKey.generate(), style, b"hunter2")
    with pytest.raises(SessionError, match="is encrypted") as caught:
        load_key(path)
    assert f"ssh-add {path}" in caught.value.hint


def test_an_encrypted_key_of_the_old_form(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    path = write(tmp_path / "k", rsa_key, PrivateFormat.TraditionalOpenSSL, b"hunter2")
    with pytest.raises(SessionError, match="is encrypted"):
        load_key(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ssh-ed25519 AAAA me",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n!\n",
    ],
)
def test_no_keys(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(SessionError, match="is no SSH private key"):
        load_key(tmp_path / "k")


def test_a_damaged_encrypted_key(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(SessionError, match="is encrypted"):
        load_key(tmp_path / "k")


def test_a_key_of_another_kind(tmp_path: Path) -> None:
    key = dsa.generate_private_key(1024)
    with pytest.raises(SessionError, match="of a kind that is not supported"):
        load_key(write(tmp_path / "k", key, PrivateFormat.PKCS8))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"cannot read the SSH key .* no such file"):
        load_key(tmp_path / "none")


async def test_the_agent_of_some_files(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    paths = [write(tmp_path / "one", rsa_key), write(tmp_path / "two", other)]
    async with KeySource.load(paths).open() as agent:
        listed = await agent.answer(b"\x0b")
        assert listed[:5] == b"\x0c\0\0\0\x02"
        one, comment, two, _ = fields(listed[5:])
        assert comment == b"one"
        signed = await agent.answer(b"\x0d" + pack_text(two) + pack_text(DATA) + b"\0\0\0\0")
        (blob,) = fields(signed[1:])
        key = load_ssh_public_key(b"ssh-ed25519 " + base64.b64encode(two))
        assert isinstance(key, ed25519.Ed25519PublicKey)
        key.verify(fields(blob)[1], DATA)
        stranger = b"\x0d" + pack_text(one + b"x") + pack_text(DATA) + b"\0\0\0\0"
        for request in (stranger, b"\x0d", b"\x0dbroken", b"\x13"):
            assert await agent.answer(request) == FAILURE

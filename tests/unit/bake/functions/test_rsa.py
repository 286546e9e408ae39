from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from bakex.bake.functions.function import FunctionError
from bakex.bake.functions.rsa import decrypt

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run

# Two primes of 256 bits; the key is for tests and far too short for anything else.
P = 111927851988360893319259662593235230375504026159278527685696709279539605945473
Q = 93701133909962698993439296777424832149198772354257376224376652534059727575521
N, E = P * Q, 65_537
D = pow(E, -1, (P - 1) * (Q - 1))
SIZE = 64  # bytes


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    encoded = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(encoded)]) + encoded + content


def integer(number: int) -> bytes:
    return der(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def pem(kind: str, content: bytes) -> str:
    text = b64encode(content).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


NUMBERS = [0, N, E, D, P, Q, D % (P - 1), D % (Q - 1), pow(Q, -1, P)]
KEY = pem("RSA PRIVATE KEY", der(0x30, b"".join(map(integer, NUMBERS))))


def encrypt(padded: bytes) -> bytes:
    return pow(int.from_bytes(padded, "big"), E, N).to_bytes(SIZE, "big")


def padded(message: bytes, fill: bytes = b"\x11", start: bytes = b"\0\2") -> bytes:
    return start + fill * (SIZE - 3 - len(message)) + b"\0" + message


def test_decrypt() -> None:
    assert decrypt(encrypt(padded(b"secret \0 text")), KEY) == b"secret \0 text"


@pytest.mark.parametrize(
    "content",
    [
        padded(b"x" * 55),  # less than eight bytes of padding
        padded(b"x", start=b"\0\1"),
        b"\0\2" + b"\x11" * (SIZE - 2),
    ],
)
def test_padding_that_is_wrong(content: bytes) -> None:
    with pytest.raises(FunctionError, match="not encrypted for this key"):
        decrypt(encrypt(content), KEY)


def test_message_of_the_wrong_length() -> None:
    with pytest.raises(FunctionError, match="not encrypted for this key"):
        decrypt(b"short", KEY)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("nokey", "not a key in PEM form"),
        (pem("PRIVATE KEY", b"x"), 'the kind "PRIVATE KEY"'),
        (pem("RSA PRIVATE KEY", der(0x30, integer(0))), "damaged"),
        (pem("RSA PRIVATE KEY", der(0x31, integer(0))), "damaged"),
        (pem("RSA PRIVATE KEY", der(0x30, der(4, b"x") * 4)), "damaged"),
        (pem("RSA PRIVATE KEY", der(0x30, integer(0) * 4)), "damaged"),
        (pem("RSA PRIVATE KEY", b"\x30\x7f\x02"), "damaged"),
        (pem("RSA PRIVATE KEY", b"\x30"), "damaged"),
    ],
)
def test_key_that_is_none(key: str, reason: str) -> None:
    with pytest.raises(FunctionError, match=reason) as caught:
        decrypt(bytes(SIZE), key)
    assert caught.value.argument == 1


def call(message: bytes, key: str = KEY) -> str:
    text = b64encode(encrypt(padded(message))).decode()
    return f'rsadecrypt("{text}", <<EOT\n{key}EOT\n)'


def test_function(run: Run) -> None:
    assert run(call("grüße".encode())) == '"grüße"'


def test_function_refusals(refuse: Refuse) -> None:
    assert "not text in UTF-8" in refuse(call(b"\xff")).summary
    assert "not base64" in refuse('rsadecrypt("!!", "x")').summary

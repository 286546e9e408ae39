from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('md5("hello")', "5d41402abc4b2a76b9719d911017c592"),
        ('sha1("hello")', "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
        ('sha256("é")', "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"),
        ('substr(sha512("hello"), 0, 16)', "9b71d224bd62f378"),
        ("uuidv4()", "00010203-0405-4607-8809-0a0b0c0d0e0f"),
        ('uuidv5("dns", "example.com")', "cfbff0d1-9375-5685-968c-48ce8b15ae17"),
        ('uuidv5("url", "https://x")', "48d34be5-10a3-5c30-96ef-9cf9a60110f2"),
        ('uuidv5("x500", "a")', "54a0a790-c611-5b5b-b50e-ff01490ecdfa"),
        ('uuidv5("{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", "example.com")',
         "cfbff0d1-9375-5685-968c-48ce8b15ae17"),
        ('uuidv5("urn:uuid:6BA7B810-9dad-11d1-80b4-00c04fd430c8", "example.com")',
         "cfbff0d1-9375-5685-968c-48ce8b15ae17"),
        ('uuidv5("6ba7b8109dad11d180b400c04fd430c8", "example.com")',
         "cfbff0d1-9375-5685-968c-48ce8b15ae17"),
    ],
)  # fmt: skip
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == f'"{value}"'


def test_namespace_that_is_none(refuse: Refuse) -> None:
    assert '"bad" is no namespace' in refuse('uuidv5("bad", "x")').summary


def test_bcrypt(run: Run) -> None:
    library = import_module("bcrypt")
    hashed = run('bcrypt("secret", 4)').strip('"')
    assert hashed.startswith("$2a$04$..CA.uOD/eaGAOmJB.yMBu")
    assert library.checkpw(b"secret", hashed.encode())
    assert run('substr(bcrypt("x", 1), 0, 7)') == '"$2a$10$"'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('bcrypt("x", 32)', "the cost is at most 31"),
        ('bcrypt("x", 18)', "takes too long"),
        ('bcrypt("x", 4, 5)', "one cost at most"),
        (f'bcrypt("{"x" * 73}")', "longer than 72 bytes"),
    ],
)
def test_bcrypt_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary

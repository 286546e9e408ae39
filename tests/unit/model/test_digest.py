from __future__ import annotations

import pytest

from bakex.errors import ContentError
from bakex.model.digest import Digest

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_parse_and_print() -> None:
    assert str(Digest.parse(EMPTY)) == EMPTY
    assert str(Digest.parse("sha512:" + "0" * 128)) == "sha512:" + "0" * 128


def test_of_bytes() -> None:
    assert Digest.of(b"") == Digest.parse(EMPTY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        "sha256:abc",
        EMPTY.upper(),
        EMPTY + "0",
        "md5:" + "0" * 32,
        "sha256:../../../../etc/passwd",
        EMPTY + "\n",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(ContentError, match="invalid digest"):
        Digest.parse(text)

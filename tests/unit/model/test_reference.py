from __future__ import annotations

import pytest

from bakex.errors import DefinitionError
from bakex.model.digest import Digest
from bakex.model.reference import Reference, is_loopback

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("user/app:1.0", "docker.io/user/app:1.0"),
        ("docker.io/alpine", "docker.io/library/alpine"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine"),
        ("localhost/app", "localhost/app"),
        ("localhost:5000/a/b:t", "localhost:5000/a/b:t"),
        ("ghcr.io/a/b", "ghcr.io/a/b"),
        ("Host/a", "Host/a"),
        ("[::1]:5000/a", "[::1]:5000/a"),
        (f"a/b@{DIGEST}", f"docker.io/a/b@{DIGEST}"),
        (f"a/b:t@{DIGEST}", f"docker.io/a/b:t@{DIGEST}"),
    ],
)
def test_parse(text: str, normal: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == normal
    assert Reference.parse(normal) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "a/B",
        "a:",
        "a:-x",
        "a//b",
        "a/../b",
        "-/a",
        "a@sha256:x",
        "a" * 300,
        "a b",
        "a:b/c",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(DefinitionError, match="invalid reference"):
        Reference.parse(text)


def test_parts() -> None:
    reference = Reference.parse("ghcr.io/a/b")
    assert reference.repository == "ghcr.io/a/b"
    assert reference.tag_or_latest == "latest"
    assert str(reference.tagged("v1")) == "ghcr.io/a/b:v1"
    assert str(reference.tagged("v1").pinned(Digest.parse(DIGEST))) == f"ghcr.io/a/b@{DIGEST}"
    with pytest.raises(DefinitionError, match="invalid tag"):
        reference.tagged("a b")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("[::1]", True),
        ("[::1]:5000", True),
        ("127.example.com", False),
        ("registry.io", False),
    ],
)
def test_loopback(host: str, *, local: bool) -> None:
    assert is_loopback(host) is local
    assert Reference(host, "a").is_local is local

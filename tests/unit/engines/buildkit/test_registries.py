from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.recipe import Recipe
from bakex.engines.buildkit.registries import hosts, is_named, registries
from bakex.model.caches import CacheEntry

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("FROM ghcr.io/a/b:1", "ghcr.io"),
        ("FROM registry:5000/a", "registry:5000"),
        ("COPY --from=Quay.IO/a/b /x /", "quay.io"),
        ("FROM localhost/a", "localhost"),
        ("FROM 127.0.0.1:5000/a@sha256:0", "127.0.0.1:5000"),
        ("FROM [::1]:5000/a", "[::1]:5000"),
        ("ARG REG=eu.gcr.io", "eu.gcr.io"),
    ],
)
def test_what_may_be_a_host(text: str, host: str) -> None:
    assert host in hosts([text])


def test_everything_that_names_registries(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM base.example/x")
    recipe = Recipe(
        frontend="dockerfile.v0",
        attrs={"filename": "Dockerfile", "context:x": "docker-image://named.example/y"},
        imports=(CacheEntry(type="registry", attrs={"ref": "in.example/c"}),),
        exports=(CacheEntry(type="registry", attrs={"ref": "out.example/c"}),),
        dirs={"dockerfile": tmp_path},
    )
    found = registries(recipe)
    assert found is not None
    assert found >= {"base.example", "named.example", "in.example", "out.example"}
    inline = Recipe(frontend="", attrs={"filename": "D"}, dirs={"dockerfile": {"D": b"FROM a.b/c"}})
    assert registries(inline) == frozenset({"a.b"})


def test_a_dockerfile_that_is_not_at_hand_may_name_any(tmp_path: Path) -> None:
    for dirs in ({}, {"dockerfile": tmp_path}, {"dockerfile": {"other": b""}}):
        recipe = Recipe(frontend="", attrs={"filename": "D"}, dirs=dirs)
        assert registries(recipe) is None
    assert is_named("any.example", None)


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("docker.io", True),
        ("a.example", True),
        ("A.example", True),
        ("a.example:443", True),
        ("reg.a.example", True),
        ("b.example:9", True),
        ("b.example:5000", True),
        ("b.example", True),
        ("xa.example", False),
        ("example", False),
        ("other", False),
    ],
)
def test_who_gets_credentials(host: str, named: bool) -> None:
    assert is_named(host, frozenset({"a.example", "b.example:5000"})) is named

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.bake.remote_context import Origin, for_build
from bakex.bake.resolve import resolve
from bakex.model.platform import Platform
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.bake.conftest import Define

URL = "https://host/repo.git#main"
GIT = Origin(url=URL)
ARCHIVE = Origin(url="https://host/x.tgz", directory="/cache/tree")
FILE = Origin(url="https://host/x.hcl", tree=False)
TOKEN = ("BUILDX_BAKE_GIT_AUTH_TOKEN",)


@pytest.mark.parametrize(
    ("written", "git", "file"),
    [
        ("", URL, "."),
        (".", URL, "."),
        ("./", URL, "."),
        ("sub", f"{URL}:sub", "sub"),
        ("./a/../sub/", f"{URL}:sub", "sub"),
        ("../u", f"{URL}:../u", "../u"),
        ("/tmp/zz", f"{URL}:/tmp/zz", "/tmp/zz"),
        ("//x", f"{URL}:/x", "/x"),
        ("cwd://p/./q", "p/q", "p/q"),
        ("cwd://", ".", "."),
        ("https://other/x", "https://other/x", "https://other/x"),
        ("git@other:x", "git@other:x", "git@other:x"),
    ],
)
def test_contexts(written: str, git: str, file: str) -> None:
    assert GIT.context(written) == git
    assert FILE.context(written) == file


@pytest.mark.parametrize(
    ("written", "git", "archive"),
    [
        (".", URL, "cwd:///cache/tree"),
        ("sub", f"{URL}:sub", "cwd:///cache/tree/sub"),
        ("../u", f"{URL}:../u", "cwd:///cache/tree/u"),
        ("/etc", f"{URL}:/etc", "cwd:///cache/tree/etc"),
        ("cwd://./p", "cwd://p", "cwd://p"),
        ("target:a", "target:a", "target:a"),
        ("docker-image://x", "docker-image://x", "docker-image://x"),
        ("oci-layout://l", "oci-layout://l", "oci-layout://l"),
        ("https://other/x", "https://other/x", "https://other/x"),
    ],
)
def test_named_contexts(written: str, git: str, archive: str) -> None:
    for origin, expected in ((GIT, git), (ARCHIVE, archive)):
        once = origin.named(written)
        assert once == expected
        assert origin.named(once) == once


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (ARCHIVE.url, "/cache/tree"),
        (f"{ARCHIVE.url}#:a/b", "/cache/tree/a/b"),
        (f"{ARCHIVE.url}#:../../etc", "/cache/tree/etc"),
        (f"{ARCHIVE.url}#:/etc", "/cache/tree/etc"),
        ("p", "p"),
        ("https://other/x.tgz", "https://other/x.tgz"),
    ],
)
def test_an_archive_is_built_from_its_directory(context: str, expected: str) -> None:
    target = Target(name="t", context=context)
    assert for_build(target, ARCHIVE, ()).context == expected


def test_a_single_file_changes_nothing() -> None:
    target = Target(name="t", context="x", contexts={"a": "b"})
    assert for_build(target, FILE, TOKEN) is target


@pytest.mark.parametrize(
    ("context", "attached"),
    [
        (URL, True),
        ("https://HOST/other.git", True),
        ("git@host:other.git", True),
        ("https://host/plain", True),
        ("https://other/x.git", False),
        ("https://host:8443/x.git", False),
        ("p", False),
    ],
)
def test_credentials_are_for_contexts_of_the_same_host(context: str, *, attached: bool) -> None:
    built = for_build(Target(name="t", context=context), GIT, TOKEN)
    expected = (Secret(id="GIT_AUTH_TOKEN.host", env=TOKEN[0]),) if attached else ()
    assert built.secret == expected


def test_credentials_join_other_secrets() -> None:
    own = (Secret(id="GIT_AUTH_TOKEN.host", src="f"), Secret(id="other"))
    names = ("buildx_bake_git_auth_header", *TOKEN)
    built = for_build(Target(name="t", context=URL, secret=own), GIT, names)
    assert built.secret == (
        Secret(id="GIT_AUTH_TOKEN.host", env=TOKEN[0]),
        Secret(id="other"),
        Secret(id="GIT_AUTH_HEADER.host", env="buildx_bake_git_auth_header"),
    )
    assert for_build(Target(name="t", context=URL), GIT, ()).secret == ()


@pytest.mark.parametrize(
    ("url", "own", "expected"),
    [
        ("git@host:x", (), (Ssh(),)),
        ("ssh://host/x", (), (Ssh(),)),
        ("git@host:x", (Ssh(id="k"),), (Ssh(id="k"),)),
        (URL, (), ()),
    ],
)
def test_ssh_goes_along(url: str, own: tuple[Ssh, ...], expected: tuple[Ssh, ...]) -> None:
    target = Target(name="t", context="p", ssh=own)
    assert for_build(target, Origin(url=url), ()).ssh == expected


def test_variants_of_platforms() -> None:
    arm, amd = Platform.parse("linux/arm64"), Platform.parse("linux/amd64")
    target = Target(
        name="t",
        context="p",
        contexts={"a": "sub"},
        variants={arm: {"context": URL}, amd: {"args": {"x": "y"}}},
    )
    built = for_build(target, GIT, TOKEN)
    assert built.for_platform(arm).context == URL
    assert built.for_platform(arm).secret == (Secret(id="GIT_AUTH_TOKEN.host", env=TOKEN[0]),)
    assert built.for_platform(amd).context == "p"
    assert built.for_platform(amd).args == {"x": "y"}
    assert built.for_platform(amd).secret == ()
    for platform in (arm, amd):
        assert built.for_platform(platform).contexts == {"a": f"{URL}:sub"}
    assert for_build(built, GIT, TOKEN) == built


def contexts(define: Define, text: str, origin: Origin | None) -> Mapping[str, str | None]:
    resolution = resolve(replace(define(text), origin=origin), ["a"])
    assert resolution.origin is origin
    return {name: target.context for name, target in resolution.targets.items()}


def test_resolution_of_contexts(define: Define) -> None:
    text = """
    target "p" { context = "sub" }
    target "a" {
      inherits = ["p"]
      contexts = { b = "target:b", s = "sub" }
    }
    target "b" {}
    """
    assert contexts(define, text, GIT) == {"a": f"{URL}:sub", "b": URL}
    assert contexts(define, text, FILE) == {"a": "sub", "b": "."}

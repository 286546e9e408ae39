from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.gitref import GitRef, credentials, host_of, inside, is_commit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def parse(text: str) -> GitRef:
    found = GitRef.parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "remote", "scheme", "host"),
    [
        ("https://host/a/b.git", "https://host/a/b.git", "https", "host"),
        ("http://host:8080/b.git?ref=x", "http://host:8080/b.git", "http", "host:8080"),
        ("HTTPS://host/b.git#x", "https://host/b.git", "https", "host"),
        ("https://me:pw@host/b.git", "https://me:pw@host/b.git", "https", "host"),
        ("git://host/b", "git://host/b", "git", "host"),
        ("ssh://git@host:22/~/b", "ssh://git@host:22/~/b", "ssh", "host:22"),
        ("git@host:a/b", "git@host:a/b", "ssh", "host"),
        ("git@host:a/b.git?ref=x#:d", "git@host:a/b.git", "ssh", "host"),
        ("github.com/a/b", "https://github.com/a/b", "https", "github.com"),
    ],
)
def test_forms(text: str, remote: str, scheme: str, host: str) -> None:
    found = parse(text)
    assert (found.remote, found.scheme, found.host) == (remote, scheme, host)


@pytest.mark.parametrize(
    "text",
    ["https://host/a", "https://host/a.git/b", "./github.com/a", "../a@b:c", "ftp://h/a.git", "a"],
)
def test_what_is_no_git_reference(text: str) -> None:
    assert GitRef.parse(text) is None


@pytest.mark.parametrize(
    ("suffix", "ref", "subdir", "checksum"),
    [
        ("", "", "", ""),
        ("#", "", "", ""),
        ("#main", "main", "", ""),
        ("#main:a/b", "main", "a/b", ""),
        ("#:a:b", "", "a:b", ""),
        ("#a%2Fb", "a/b", "", ""),
        ("?ref=main&subdir=a", "main", "a", ""),
        ("?ref=main&subdir=a#main:a", "main", "a", ""),
        ("?tag=v1", "refs/tags/v1", "", ""),
        ("?tag=refs/tags/v1#refs/tags/v1", "refs/tags/v1", "", ""),
        ("?branch=b", "refs/heads/b", "", ""),
        (f"?checksum={COMMIT}", COMMIT, "", COMMIT),
        ("?commit=ABCDEF0", "abcdef0", "", "abcdef0"),
        ("?ref=x&commit=abcdef0&mtime=commit&keep-git-dir", "x", "", "abcdef0"),
    ],
)
def test_what_is_meant(suffix: str, ref: str, subdir: str, checksum: str) -> None:
    found = parse(f"https://host/a.git{suffix}")
    assert (found.ref, found.subdir, found.checksum) == (ref, subdir, checksum)


@pytest.mark.parametrize(
    ("query", "submodules", "by_commit"),
    [
        ("", True, False),
        ("?submodules", True, False),
        ("?submodules=0", False, False),
        (f"?fetch-by-commit=true&checksum={COMMIT}", True, True),
    ],
)
def test_flags(query: str, *, submodules: bool, by_commit: bool) -> None:
    found = parse(f"git@host:a{query}")
    assert (found.submodules, found.fetch_by_commit) == (submodules, by_commit)


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [
        ("?nope=1", "Unexpected query 'nope'"),
        ("?ref=a&ref=b", "multiple values"),
        ("?ref=", "has no value"),
        ("?subdir", "has no value"),
        ("?ref=a#b", "Ref conflicts"),
        ("?ref=a&tag=b", "Ref conflicts"),
        ("?subdir=a#:b", "Subdir conflicts"),
        ("?tag=a&branch=b", "Branch conflicts with tag"),
        ("?submodules=x", "Invalid value 'x'"),
        ("?keep-git-dir=yes", "Invalid value 'yes'"),
        ("?mtime=now", "Mtime is"),
        ("?fetch-by-commit", "needs a whole commit"),
        ("?fetch-by-commit&checksum=abcdef0", "needs a whole commit"),
        ("?checksum=xyz", "is no commit"),
        ("#--upload-pack=x", "can be no branch"),
        ("#a..b", "can be no branch"),
        ("#a b", "can be no branch"),
        ("#a*", "can be no branch"),
        ("#a@{1}", "can be no branch"),
        ("#a\\b", "can be no branch"),
    ],
)
def test_what_is_wrong(suffix: str, reason: str) -> None:
    for start in ("https://me:s3cret@host/a.git", "git@host:a"):
        with pytest.raises(DefinitionError, match="invalid git reference") as caught:
            GitRef.parse(start + suffix)
        assert reason in caught.value.detail
        assert "s3cret" not in caught.value.summary


@pytest.mark.parametrize(
    "text",
    [
        "-oProxy@host:a",
        "git@-oProxy:a",
        "ssh://-oProxy/a",
        "ssh://-x@host/a",
        "ssh:///a",
        "git://[::/a",
        "https://host:port/a.git",
    ],
)
def test_hosts_that_are_none(text: str) -> None:
    with pytest.raises(DefinitionError, match="invalid git reference"):
        GitRef.parse(text)


@given(st.text())
def test_any_text(text: str) -> None:
    for start in ("", "https://host/a.git", "git@host:", "github.com/", "ssh://"):
        try:
            found = GitRef.parse(start + text)
        except DefinitionError:
            continue
        assert found is None or not found.ref.startswith("-")


def test_is_commit() -> None:
    assert is_commit(COMMIT)
    assert is_commit("a" * 64)
    assert not is_commit(COMMIT[:-1])
    assert parse(f"git@host:a#{COMMIT}").is_commit
    assert not parse("git@host:a#main").is_commit


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://Host:1/a", "Host:1"),
        ("https://me:pw@host/a.git", "host"),
        ("git@host:a", "host"),
        ("github.com/a", "github.com"),
        ("http://[::", ""),
        ("a/b", ""),
    ],
)
def test_host_of(text: str, host: str) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("git@h:a", "sub", "git@h:a#:sub"),
        ("git@h:a#main", "sub", "git@h:a#main:sub"),
        ("git@h:a#main", "../u", "git@h:a#main:../u"),
        ("git@h:a", "/tmp/zz", "git@h:a#:/tmp/zz"),
        ("https://h/a.git?ref=dev", "sub", "https://h/a.git?ref=dev#:sub"),
        ("https://h/a.git#main:base", "sub", "https://h/a.git#main:base/sub"),
        ("https://h/a.git#:base", "../other", "https://h/a.git#:other"),
        ("https://h/a.git#main:base", "..", "https://h/a.git#main"),
        ("https://h/a.git#:base", "..", "https://h/a.git"),
        (
            "https://h/a.git?ref=a/b&subdir=base&submodules",
            "sub",
            "https://h/a.git?ref=a/b&submodules=#:base/sub",
        ),
        ("https://h/a.git?subdir=base", "..", "https://h/a.git"),
        ("https://h/a.tgz?subdir=x", "sub", "https://h/a.tgz?subdir=x#:sub"),
    ],
)
def test_inside(url: str, path: str, expected: str) -> None:
    assert inside(url, path) == expected


def test_credentials() -> None:
    environ = {"BUILDX_BAKE_GIT_AUTH_HEADER": "", "buildx_Bake_git_auth_token": "", "GIT": ""}
    assert credentials(environ) == {
        "GIT_AUTH_TOKEN": "buildx_Bake_git_auth_token",
        "GIT_AUTH_HEADER": "BUILDX_BAKE_GIT_AUTH_HEADER",
    }
    assert credentials(["BUILDX_BAKE_GIT_AUTH_TOKEN.example.com"]) == {}

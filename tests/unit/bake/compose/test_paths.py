from __future__ import annotations

import pytest

from bakex.bake.compose.paths import context, joined


@pytest.mark.parametrize(
    ("directory", "path", "expected"),
    [
        ("", "a", "a"),
        ("", "./a/../b", "b"),
        ("", ".", "."),
        ("", "", ""),
        ("s", "", ""),
        ("s", "a", "s/a"),
        ("s", "../a", "a"),
        ("s", "../../a", "../a"),
        ("s", "/a/../b", "/a/../b"),
        ("s", "~/a", "/h/a"),
        ("s", "~", "/h"),
        ("s", "~a", "/h/a"),
        ("s", "https://x/../y", "https://x/../y"),
    ],
)
def test_paths(directory: str, path: str, expected: str) -> None:
    assert joined(directory, path, "/h") == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://x/y",
        "git@host:x",
        "github.com/a/b",
        "docker-image://x",
        "service:x",
        "foo://x/../y",
    ],
)
def test_contexts_that_are_no_paths(url: str) -> None:
    assert context("s", url, "/h") == url


def test_contexts_that_are_paths() -> None:
    assert context("s", "./d", "/h") == "s/d"
    assert context("s", "gitlab.com/a", "/h") == "s/gitlab.com/a"

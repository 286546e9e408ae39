"""What the command line names as files, and what titles may be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bakex.artifacts.attachment import (
    DIRECTORY_TYPE,
    FILE_TYPE,
    attachments,
    check_media_type,
    check_title,
)
from bakex.errors import ContentError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "dir" / "sub").mkdir(parents=True)
    for name in ("a.json", "dir/b", "odd:x", "../outside"):
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize(
    ("text", "title", "media_type"),
    [
        ("a.json", "a.json", FILE_TYPE),
        ("a.json:application/spdx+json", "a.json", "application/spdx+json"),
        ("./a.json", "a.json", FILE_TYPE),
        ("dir/b", "dir/b", FILE_TYPE),
        ("dir", "dir", DIRECTORY_TYPE),
        ("dir/:a/b", "dir", "a/b"),
        ("odd:x", "odd:x", FILE_TYPE),
        ("odd:x:a/b", "odd:x", "a/b"),
        ("../outside", "outside", FILE_TYPE),
        ("dir/../a.json", "a.json", FILE_TYPE),
        (".", "work", DIRECTORY_TYPE),
    ],
)
def test_names(cwd: Path, text: str, title: str, media_type: str) -> None:
    (found,) = attachments([text], cwd)
    assert (found.title, found.media_type) == (title, media_type)
    assert found.is_directory == found.path.is_dir()
    assert found.path.is_absolute()
    absolute = attachments([str(found.path)], cwd)[0]
    assert absolute.title == found.path.resolve().name


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["nothing"], "no such file: 'nothing'"),
        (["nothing:a/b"], "no such file: 'nothing'"),
        ([""], "no such file"),
        (["a.json:text"], "invalid media type 'text'"),
        (["a.json:a/b;c=d"], "invalid media type"),
        (["a.json", "./a.json"], "two files have the name 'a.json'"),
        (["dir/b", "dir"], "'dir/b' is attached with 'dir' already"),
        (["pipe"], "neither a file nor a directory"),
        (["line\nfeed"], "cannot be the name of a file"),
    ],
)
def test_what_cannot_be_attached(cwd: Path, texts: list[str], said: str) -> None:
    os.mkfifo(cwd / "pipe")
    (cwd / "line\nfeed").write_text("")
    with pytest.raises(UsageError, match=said):
        attachments(texts, cwd)


@pytest.mark.parametrize("title", ["a", "a/b", "a b/é", "..a", ".a", "~", "a\\b"])
def test_good_titles(title: str) -> None:
    assert check_title(title) == title


@pytest.mark.parametrize(
    "title", ["", "/", "/a", "..", "../a", "a/..", "a/../b", "a//b", "a/", "./a", ".", "a\0", "a\n"]
)
def test_bad_titles(title: str) -> None:
    with pytest.raises(ContentError, match="unusable name"):
        check_title(title)


def test_types() -> None:
    assert check_media_type("application/vnd.a+json", "type") == "application/vnd.a+json"
    for text in ("", "a", "a/", "/b", "a/b/c", "a b/c", "a/b ", f"a/{'b' * 200}"):
        with pytest.raises(UsageError, match="invalid artifact type"):
            check_media_type(text, "artifact type")

"""What git says about the directory where a bake runs."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from bakex.sources import checkout
from bakex.sources.checkout import revision

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nowhere",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=ENVIRON, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("1")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    return tmp_path


def test_the_commit(tree: Path) -> None:
    commit = git(tree, "rev-parse", "HEAD")
    assert revision(tree, ENVIRON) == commit
    (tree / "result.json").write_text("not known to git")
    (tree / "below").mkdir()
    assert revision(tree / "below", ENVIRON) == commit


def test_changes(tree: Path) -> None:
    (tree / "file").write_text("2")
    assert revision(tree, ENVIRON) == git(tree, "rev-parse", "HEAD") + "-dirty"


def test_no_commit(tmp_path: Path) -> None:
    assert revision(tmp_path, {**ENVIRON, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}) == ""
    git(tmp_path, "init", "--quiet")
    assert revision(tmp_path, ENVIRON) == ""


def test_no_git(tree: Path, tmp_path: Path) -> None:
    assert revision(tree / "missing", ENVIRON) == ""


def test_a_program_of_the_repository_is_not_run(tree: Path) -> None:
    git(tree, "config", "core.fsmonitor", f"touch {tree}/ran; false")
    assert revision(tree, ENVIRON) == git(tree, "-c", "core.fsmonitor=", "rev-parse", "HEAD")
    assert not (tree / "ran").exists()


def test_one_that_takes_too_long(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "_SECONDS", -1.0)
    monkeypatch.setattr(checkout, "_ASKED", ("sleep", "100"))
    assert revision(tree, ENVIRON) == ""

"""What a build can see of a directory."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit import survey as module
from bakex.engines.buildkit.survey import Seen, differences, survey
from bakex.errors import SessionError
from bakex.session.filesync.walk import walk
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL = Wanted()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("content")
    (tmp_path / "link").symlink_to("dir/file")
    (tmp_path / "other").write_text("other")
    return tmp_path


def test_every_wanted_entry_is_listed(context: Path) -> None:
    seen, changed = survey(context, ALL)
    assert list(seen) == ["dir", "dir/file", "link", "other"]
    assert seen["dir"].content == seen["link"].content == ""
    assert seen["dir/file"].content != seen["other"].content
    assert changed == max(path.lstat().st_ctime_ns for path in context.rglob("*"))
    some, _ = survey(context, Wanted(follow=("link",), exclude=("other",)))
    assert list(some) == ["dir", "dir/file", "link"]
    assert survey(context, Wanted(include=("nothing",))) == ({}, 0)


def rewritten(context: Path) -> None:
    (context / "dir" / "file").write_text("CONTENT")


def executable(context: Path) -> None:
    (context / "dir" / "file").chmod(0o755)


def a_file_now(context: Path) -> None:
    (context / "dir" / "file").unlink()
    (context / "dir" / "file").mkdir()


def gone(context: Path) -> None:
    (context / "dir" / "file").unlink()


@pytest.mark.parametrize("change", [rewritten, executable, a_file_now, gone])
def test_what_counts(context: Path, change: Callable[[Path], None]) -> None:
    before, _ = survey(context, ALL)
    change(context)
    now, _ = survey(context, ALL, before)
    assert differences(before, now) == ["dir/file"]
    assert differences(now, before) == ["dir/file"]


def test_another_target_of_a_link_counts(context: Path) -> None:
    before, _ = survey(context, ALL)
    (context / "link").unlink()
    (context / "link").symlink_to("other")
    assert differences(before, survey(context, ALL)[0]) == ["link"]


def test_times_do_not_count(context: Path) -> None:
    before, _ = survey(context, ALL)
    for path in context.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    assert differences(before, survey(context, ALL, before)[0]) == []


def test_an_untouched_file_is_not_read_again(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    fresh, _ = survey(context, ALL)
    assert fresh["other"].stamp is None  # it may be written once more in this very moment
    monkeypatch.setattr(time, "time_ns", lambda: now + 10**11)
    before, _ = survey(context, ALL, fresh)
    known = {path: entry._replace(content="known") for path, entry in before.items()}
    (context / "dir" / "file").write_text("content")
    after, _ = survey(context, ALL, known)
    assert after["other"].content == "known"
    assert after["dir/file"].content == before["dir/file"].content


def test_what_vanishes_meanwhile(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanishing(*arguments: object) -> object:
        for stat in walk(*arguments):  # type: ignore[arg-type]
            if stat.path == b"other":
                (context / "other").unlink()
            yield stat

    monkeypatch.setattr(module, "walk", vanishing)
    now = time.time_ns()
    seen, changed = survey(context, ALL)
    assert seen["other"] == Seen(seen["other"].kind)
    assert changed >= now


def test_limits(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 4)
    assert len(survey(context, ALL)[0]) == 4
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    with pytest.raises(SessionError, match="more than 3 entries"):
        survey(context, ALL)

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bakex.errors import NodeError
from bakex.nodes.drivers import mounts
from bakex.nodes.drivers.mounts import filesystem_type, mounts_below, unmount_below

TABLE = """\
22 1 8:1 / / rw,relatime - ext4 /dev/root rw
23 22 0:5 / {root} rw,relatime shared:3 - tmpfs tmpfs rw
24 23 0:6 / {root}/a rw - overlay overlay rw
25 24 0:7 / {root}/a/b\\040c rw master:1 - proc proc rw
26 23 0:8 / {root}-other rw - tmpfs tmpfs rw
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(TABLE.format(root=tmp_path / "root"))
    return path


def test_mounts_are_listed_innermost_first(tmp_path: Path, table: Path) -> None:
    root = tmp_path / "root"
    assert mounts_below(root, table) == [root / "a" / "b c", root / "a", root]
    assert mounts_below(root / "a", table) == [root / "a" / "b c", root / "a"]
    assert mounts_below(root / "z", table) == []


def test_the_file_system_of_a_folder(tmp_path: Path, table: Path) -> None:
    root = tmp_path / "root"
    assert filesystem_type(root / "x", table) == "tmpfs"
    assert filesystem_type(root / "a" / "x", table) == "overlay"
    assert filesystem_type(Path("/usr"), table) == "ext4"


def test_without_a_table_nothing_is_known(tmp_path: Path) -> None:
    assert mounts_below(tmp_path, tmp_path / "none") == []
    assert filesystem_type(tmp_path, tmp_path / "none") == ""


def test_nothing_to_unmount(tmp_path: Path) -> None:
    unmount_below(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_what_is_mounted_is_unmounted_even_when_busy(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    outer.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", outer], check=True)
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    with (inner / "open").open("w"):
        unmount_below(tmp_path)
    assert mounts_below(tmp_path) == []


def test_what_stays_mounted_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # No umount is found, so the root file system stays where it is.
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NodeError, match="cannot be unmounted"):
        unmount_below(Path("/proc"))
    assert mounts.mounts_below(Path("/proc"))

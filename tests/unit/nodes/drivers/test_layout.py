from __future__ import annotations

import os
from pathlib import Path

import pytest

from bakex.config import load
from bakex.errors import EngineStartError
from bakex.nodes.drivers.layout import (
    EngineRecord,
    engine_layout,
    make_directories,
    read_record,
    record_file,
    runtime_directory,
    write_record,
)
from bakex.nodes.drivers.processes import ProcessIdentity
from bakex.nodes.drivers.programs import Kind

RECORD = EngineRecord(
    kind=Kind.DOCKERD,
    process=ProcessIdentity(pid=7, started=8, boot="b"),
    program="/usr/sbin/dockerd",
    runtime="/run/x",
)


def test_everything_is_in_the_cache_folder_but_for_the_sockets(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    layout = engine_layout(settings, Kind.DOCKERD, runtime="/run/x")
    home = tmp_path / ".cache" / "bakex" / "engine"
    assert record_file(settings) == home / "engine.json"
    for path in (layout.data, layout.log, layout.temporary, layout.config):
        assert path.is_relative_to(home / "dockerd")
    assert layout.config.name == "dockerd.json"
    assert engine_layout(settings, Kind.BUILDKITD).config.name == "buildkitd.toml"
    assert layout.socket == Path("/run/x/engine.sock")
    assert layout.pid_file == Path("/run/x/dockerd.pid")


def test_runtime_directories(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": "/run/user/7"}, cwd=tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    second.mkdir()
    one = runtime_directory(settings, tmp_path / "a", places=[first, second])
    assert one.parent == second
    assert one.name.startswith(f"bakex-{os.geteuid()}-")
    # Each cache folder has its own, and always the same.
    assert runtime_directory(settings, tmp_path / "a", places=[second]) == one
    assert runtime_directory(settings, tmp_path / "b", places=[second]) != one
    assert runtime_directory(settings, tmp_path / "a", places=[first]).parent == first


def test_the_usual_runtime_directories_are_short(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path / ("x" * 200))}, cwd=tmp_path)
    socket = engine_layout(settings, Kind.DOCKERD).runtime / "exec/containerd/containerd.sock.ttrpc"
    assert len(str(socket)) < 108


def test_records_are_read_as_written(tmp_path: Path) -> None:
    file = tmp_path / "engine.json"
    write_record(file, RECORD)
    assert read_record(file) == RECORD


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind":"x","process":{},"program":"","runtime":""}', '{"process":1}']
)
def test_records_that_make_no_sense_are_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "engine.json"
    assert read_record(file) is None
    file.write_text(text)
    assert read_record(file) is None


def test_directories_are_private(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    layout = engine_layout(settings, Kind.DOCKERD, runtime=str(tmp_path / "run"))
    make_directories(layout)
    layout.runtime.chmod(0o755)
    make_directories(layout)
    for path in (layout.root, layout.data, layout.temporary, layout.runtime):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_runtime_directory_that_is_no_directory_of_ours(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)}, cwd=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    layout = engine_layout(settings, Kind.DOCKERD, runtime=str(tmp_path / "run"))
    with pytest.raises(EngineStartError, match="belongs to someone else"):
        make_directories(layout)


def test_a_cache_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = load({"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "file")}, cwd=tmp_path)
    layout = engine_layout(settings, Kind.DOCKERD, runtime=str(tmp_path / "run"))
    with pytest.raises(EngineStartError, match="cannot be made") as caught:
        make_directories(layout)
    assert "XDG_CACHE_HOME" in caught.value.hint

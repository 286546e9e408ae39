from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from bakex.config import Settings, load
from bakex.model.node import Wire
from bakex.nodes.drivers.layout import EngineLayout, engine_layout
from bakex.nodes.drivers.programs import Kind, Programs
from bakex.nodes.drivers.recipes import WIRES, Recipe, recipe


def made(tmp_path: Path, kind: Kind, filesystem: str = "ext4") -> tuple[Recipe, EngineLayout]:
    settings = environment(tmp_path)
    layout = engine_layout(settings, kind, runtime=str(tmp_path / 'r "q"'))
    programs = Programs(kind=kind, daemon=Path("/usr/sbin") / kind, path="/prefix/bin:/bin")
    return recipe(programs, layout, settings, filesystem=filesystem), layout


def environment(tmp_path: Path) -> Settings:
    return load(
        {
            "HOME": str(tmp_path),
            "https_proxy": "http://proxy:1",
            "NO_PROXY": "127.0.0.1",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
            "NOTIFY_SOCKET": "/run/notify",
        },
        cwd=tmp_path,
    )


def test_dockerd_keeps_to_itself(tmp_path: Path) -> None:
    run, layout = made(tmp_path, Kind.DOCKERD)
    config = json.loads(run.config)
    assert config["features"] == {"containerd-snapshotter": True}
    assert config["hosts"] == [f"unix://{layout.socket}"]
    assert config["data-root"] == str(layout.data)
    assert config["exec-root"].startswith(f"{layout.runtime}/")
    assert config["pidfile"] == str(layout.pid_file)
    assert config["bridge"] == "none"
    for switch in ("iptables", "ip6tables", "ip-forward", "ip-masq"):
        assert config[switch] is False
    assert config["group"] == str(os.getegid())
    assert "storage-driver" not in config
    assert run.argv == ("/usr/sbin/dockerd", "--config-file", str(layout.config))


def test_buildkitd_keeps_to_itself(tmp_path: Path) -> None:
    run, layout = made(tmp_path, Kind.BUILDKITD)
    config = tomllib.loads(run.config)
    assert config["root"] == str(layout.data)
    assert config["grpc"]["address"] == [f"unix://{layout.socket}"]
    assert config["otel"]["socketPath"].startswith(f"{layout.runtime}/")
    assert config["worker"]["oci"]["networkMode"] == "host"
    assert config["worker"]["oci"]["snapshotter"] == "overlayfs"
    assert config["worker"]["containerd"]["enabled"] is False
    assert config["insecure-entitlements"] == ["network.host"]
    assert run.argv == ("/usr/sbin/buildkitd", "--config", str(layout.config))


def test_an_overlay_is_not_stacked_on_an_overlay(tmp_path: Path) -> None:
    run, _ = made(tmp_path, Kind.DOCKERD, filesystem="overlay")
    assert json.loads(run.config)["storage-driver"] == "native"
    run, _ = made(tmp_path, Kind.BUILDKITD, filesystem="overlay")
    assert tomllib.loads(run.config)["worker"]["oci"]["snapshotter"] == "native"


@pytest.mark.parametrize("kind", list(Kind))
def test_only_what_is_needed_is_passed_on(tmp_path: Path, kind: Kind) -> None:
    run, layout = made(Path("/h"), kind)
    assert run.env == {
        "HOME": "/h",
        "PATH": "/prefix/bin:/bin",
        "TMPDIR": str(layout.temporary),
        "https_proxy": "http://proxy:1",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("kind", "variable"), [(Kind.DOCKERD, "DOCKER_TMPDIR"), (Kind.BUILDKITD, "TMPDIR")]
)
def test_agents_of_steps_have_room_for_their_sockets(
    tmp_path: Path, kind: Kind, variable: str
) -> None:
    run, layout = made(tmp_path / ("x" * 100), kind)
    assert run.env[variable] == str(layout.runtime)


def test_the_wire_of_each_kind() -> None:
    assert WIRES == {Kind.BUILDKITD: Wire.BUILDKIT, Kind.DOCKERD: Wire.DOCKER}

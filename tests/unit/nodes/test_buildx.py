"""Builders of buildx, from files as buildx 0.29 writes them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import Settings, load
from bakex.errors import ConfigError
from bakex.model.node import Endpoint, Wire
from bakex.nodes.buildx import builder_names, builder_nodes, current_builder
from bakex.nodes.discovery import candidates

if TYPE_CHECKING:
    from pathlib import Path

DOCKER = "unix:///var/run/docker.sock"


def settings(home: Path, **environ: str) -> Settings:
    return load({"HOME": str(home), **environ}, cwd=home)


def add(home: Path, name: str, driver: str, *nodes: dict[str, Any] | int) -> None:
    folder = home / ".docker/buildx/instances"
    folder.mkdir(parents=True, exist_ok=True)
    document = {"Name": name, "Driver": driver, "Nodes": nodes, "Dynamic": False}
    (folder / name).write_text(json.dumps(document))


def node(name: str, endpoint: str, **fields: Any) -> dict[str, Any]:
    return {
        "Name": name, "Endpoint": endpoint, "Platforms": None, "DriverOpts": None,
        "Flags": None, "Files": None, **fields,
    }  # fmt: skip


def nodes(home: Path, name: str, **environ: str) -> tuple[Endpoint, ...]:
    found = builder_nodes(settings(home, **environ), name, origin="--builder")
    assert found is not None
    return found


def test_containers(tmp_path: Path) -> None:
    add(
        tmp_path, "many", "docker-container",
        node(
            "many0", DOCKER, DriverOpts={"image": "b:1", "network": "host"}, Flags=["--debug"],
            Platforms=[{"architecture": "arm64", "os": "linux"}], Files={"buildkitd.toml": "eA=="},
        ),
        node("second", "tcp://h:1", Platforms=["linux/arm/v7"], Files={"a": None}),
    )  # fmt: skip
    first, second = nodes(tmp_path, "Many")
    assert first.address == "docker-container://buildx_buildkit_many0"
    assert first.name == "many0"
    assert first.wire is Wire.BUILDKIT
    assert first.via is not None
    assert first.via.address == DOCKER
    assert first.via.wire is Wire.DOCKER
    assert first.options == {
        "image": "b:1", "network": "host", "flags": '["--debug"]', "file:buildkitd.toml": "eA==",
    }  # fmt: skip
    assert [str(p) for p in first.platforms] == ["linux/arm64"]
    assert second.options == {"image": "moby/buildkit:buildx-stable-1", "file:a": ""}
    assert [str(p) for p in second.platforms] == ["linux/arm/v7"]


def test_docker(tmp_path: Path) -> None:
    add(tmp_path, "plain", "docker", node("plain0", "default"))
    (only,) = nodes(tmp_path, "plain")
    assert (only.address, only.wire, only.name) == (DOCKER, Wire.DOCKER, "plain0")


def test_remote(tmp_path: Path) -> None:
    tls = {"cacert": "/ca", "cert": "/c", "key": "/k", "servername": "s"}
    add(
        tmp_path, "far", "remote",
        node("far0", "tcp://h:1", DriverOpts=tls),
        node("far1", "docker-container://bk"),
        node("far2", "kube-pod://p?namespace=n"),
        node("far3", "ssh://me@h/run/b.sock"),
    )  # fmt: skip
    secured, container, pod, ssh = nodes(tmp_path, "far")
    assert (secured.tls_ca, secured.tls_cert, secured.tls_key) == ("/ca", "/c", "/k")
    assert secured.tls_server_name == "s"
    assert container.via is not None
    assert "image" not in container.options
    assert pod.options == {"namespace": "n"}
    assert ssh.address == "ssh://me@h/run/b.sock"


def test_kubernetes(tmp_path: Path) -> None:
    add(
        tmp_path, "kub", "kubernetes",
        node(
            "my_node", "kubernetes:///kub?deployment=x&kubeconfig=%2Fk",
            DriverOpts={"namespace": "ns", "replicas": "2", "loadbalance": "random"},
        ),
        node("other", ""),
    )  # fmt: skip
    first, other = nodes(tmp_path, "kub")
    assert first.address == "kubernetes:///my-node"
    assert first.options == {"kubeconfig": "/k", "namespace": "ns", "loadbalance": "random"}
    assert other.address == "kubernetes:///other"


def test_builders_that_are_not_there(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert builder_nodes(found, "none", origin="x") is None
    assert builder_nodes(found, "../x", origin="x") is None
    assert builder_names(found) == ()
    add(tmp_path, "b", "docker", node("b0", "default"))
    add(tmp_path, "a", "docker", node("a0", "default"))
    assert builder_names(found) == ("a", "b")


@pytest.mark.parametrize(
    ("driver", "content", "words"),
    [
        ("cloud", [node("a", "x")], "has the driver 'cloud'"),
        ("docker", [], "has no nodes"),
        ("docker", [3], "is not an object"),
        ("docker", [node("a", "default", Platforms=["//"])], "platform cannot be used"),
    ],
)
def test_builders_that_cannot_be_used(
    tmp_path: Path, driver: str, content: list[Any], words: str
) -> None:
    add(tmp_path, "odd", driver, *content)
    with pytest.raises(ConfigError, match=words):
        builder_nodes(settings(tmp_path), "odd", origin="--builder")


@pytest.mark.parametrize("text", ["junk", "[]"])
def test_files_that_make_no_sense(tmp_path: Path, text: str) -> None:
    add(tmp_path, "odd", "docker", node("a", "default"))
    (tmp_path / ".docker/buildx/instances/odd").write_text(text)
    with pytest.raises(ConfigError, match="JSON"):
        builder_nodes(settings(tmp_path), "odd", origin="--builder")


def test_the_builder_in_use(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert current_builder(found) == ""
    add(tmp_path, "mine", "docker", node("m0", "default"))
    current = tmp_path / ".docker/buildx/current"
    current.write_text(json.dumps({"Key": DOCKER, "Name": "mine", "Global": False}))
    assert current_builder(found) == "mine"
    assert current_builder(settings(tmp_path, DOCKER_HOST="tcp://h:1")) == ""
    current.write_text(json.dumps({"Key": "x", "Name": "mine", "Global": True}))
    assert current_builder(settings(tmp_path, DOCKER_HOST="tcp://h:1")) == "mine"
    current.write_text(json.dumps({"Key": DOCKER, "Name": "gone", "Global": False}))
    assert current_builder(found) == ""


def test_the_default_of_a_docker_endpoint(tmp_path: Path) -> None:
    add(tmp_path, "mine", "docker", node("m0", "default"))
    defaults = tmp_path / ".docker/buildx/defaults"
    defaults.mkdir()
    (defaults / hashlib.sha256(b"lab").hexdigest()[:20]).write_text("mine")
    assert current_builder(settings(tmp_path, DOCKER_CONTEXT="lab")) == "mine"
    assert current_builder(settings(tmp_path)) == ""
    (defaults / hashlib.sha256(b"lab").hexdigest()[:20]).write_text("gone")
    assert current_builder(settings(tmp_path, DOCKER_CONTEXT="lab")) == ""


def test_builders_among_the_candidates(tmp_path: Path) -> None:
    add(tmp_path, "two", "remote", node("a", "tcp://h:1"), node("b", "tcp://h:2"))
    found = candidates(settings(tmp_path), "two,unix:///a.sock")
    assert found.named
    names = [c.endpoint.name for c in found.choices if c.endpoint]
    assert names == ["a", "b", "a-2"]
    with pytest.raises(ConfigError, match="named twice"):
        candidates(settings(tmp_path), "two,tcp://h:2")
    folder = tmp_path / ".docker/buildx"
    (folder / "current").write_text(json.dumps({"Key": DOCKER, "Name": "two"}))
    found = candidates(settings(tmp_path), "")
    assert [c.endpoint.origin for c in found.choices if c.endpoint] == ["docker buildx use two"] * 2
    other = candidates(settings(tmp_path, BUILDKIT_HOST="kube-pod://p"), "")
    assert [c.endpoint.address for c in other.choices if c.endpoint] == ["kube-pod://p"]


def test_containers_by_their_address(tmp_path: Path) -> None:
    (only,) = candidates(settings(tmp_path), "docker-container://mine?image=b:1").choices
    assert only.endpoint is not None
    assert only.endpoint.via is not None
    assert only.endpoint.options == {"image": "b:1"}
    for text in (
        "docker-container://",
        "kube-pod://p?x=1",
        "podman-container://-x",
        "kube-pod://[",
    ):
        with pytest.raises(ConfigError, match="cannot be used as the address"):
            candidates(settings(tmp_path), text)

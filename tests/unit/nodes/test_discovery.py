from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.config import Settings, load
from bakex.errors import ConfigError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.dialers import dialer
from bakex.nodes.discovery import Candidate, Candidates, candidates, image_loader

if TYPE_CHECKING:
    from pathlib import Path


def settings(tmp_path: Path, **environ: str) -> Settings:
    return load({"HOME": str(tmp_path), **environ}, cwd=tmp_path)


def addresses(found: Candidates) -> list[str]:
    return [c.endpoint.address if c.endpoint else "private" for c in found.choices]


def only(found: Candidates) -> Endpoint:
    (choice,) = found.choices
    assert choice.endpoint is not None
    return choice.endpoint


def test_without_a_name_the_usual_places_are_tried(tmp_path: Path) -> None:
    found = candidates(settings(tmp_path), "")
    assert not found.named
    assert addresses(found) == [
        "unix:///run/buildkit/buildkitd.sock",
        "unix:///var/run/docker.sock",
        "private",
    ]


def test_rootless_sockets_are_tried_too(tmp_path: Path) -> None:
    found = candidates(settings(tmp_path, XDG_RUNTIME_DIR="/run/user/7"), "")
    assert addresses(found) == [
        "unix:///run/buildkit/buildkitd.sock",
        "unix:///run/user/7/buildkit/buildkitd.sock",
        "unix:///var/run/docker.sock",
        "unix:///run/user/7/docker.sock",
        "private",
    ]
    wires = [c.endpoint.wire for c in found.choices if c.endpoint]
    assert wires == [Wire.BUILDKIT, Wire.BUILDKIT, Wire.DOCKER, Wire.DOCKER]


@pytest.mark.parametrize(
    ("environ", "address", "wire", "origin"),
    [
        ({"BUILDKIT_HOST": "tcp://b:1"}, "tcp://b:1", Wire.BUILDKIT, "BUILDKIT_HOST"),
        ({"DOCKER_HOST": "unix:///d.sock"}, "unix:///d.sock", Wire.DOCKER, "DOCKER_HOST"),
        (
            {"BUILDKIT_HOST": "unix:///b.sock", "DOCKER_HOST": "unix:///d.sock"},
            "unix:///b.sock",
            Wire.BUILDKIT,
            "BUILDKIT_HOST",
        ),
        (
            {"DOCKER_HOST": "unix:///d.sock", "DOCKER_CONTEXT": "missing"},
            "unix:///d.sock",
            Wire.DOCKER,
            "DOCKER_HOST",
        ),
    ],
)
def test_variables_name_the_only_node(
    tmp_path: Path, environ: dict[str, str], address: str, wire: Wire, origin: str
) -> None:
    found = candidates(settings(tmp_path, **environ), "")
    assert found.named
    endpoint = only(found)
    assert (endpoint.address, endpoint.wire, endpoint.origin) == (address, wire, origin)


def test_a_context_that_is_named_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DOCKER_CONTEXT: there is no docker context"):
        candidates(settings(tmp_path, DOCKER_CONTEXT="farm"), "")


def test_the_default_context_names_nothing(tmp_path: Path) -> None:
    assert not candidates(settings(tmp_path, DOCKER_CONTEXT="default"), "").named


def test_a_builder_of_several_nodes(tmp_path: Path) -> None:
    found = candidates(settings(tmp_path), "unix:///a/b.sock, tcp://arm:1,private,tcp://arm:2")
    assert found.named
    assert addresses(found) == ["unix:///a/b.sock", "tcp://arm:1", "private", "tcp://arm:2"]
    names = [c.endpoint.name for c in found.choices if c.endpoint]
    assert names == ["b", "arm", "arm-2"]


def test_no_node_is_called_like_the_private_engine(tmp_path: Path) -> None:
    assert only(candidates(settings(tmp_path), "tcp://private:1")).name == "private-1"


def test_a_builder_goes_before_the_variables(tmp_path: Path) -> None:
    found = candidates(settings(tmp_path, BUILDKIT_HOST="tcp://b:1"), "docker:///d.sock")
    assert only(found).address == "unix:///d.sock"


def test_the_default_context_as_a_builder(tmp_path: Path) -> None:
    found = candidates(settings(tmp_path, DOCKER_HOST="tcp://h:1"), "default")
    assert (only(found).address, only(found).name) == ("tcp://h:1", "default")


def test_private_as_a_builder(tmp_path: Path) -> None:
    found = candidates(settings(tmp_path), "private")
    assert found.named
    assert addresses(found) == ["private"]


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({"BAKEX_BUILDER": "unix:///x"}, "BAKEX_BUILDER"),
        ({"BUILDX_BUILDER": "unix:///x"}, "BUILDX_BUILDER"),
        ({"BUILDX_BUILDER": "y"}, "--builder"),
        ({}, "--builder"),
    ],
)
def test_messages_name_the_setting(tmp_path: Path, environ: dict[str, str], origin: str) -> None:
    assert only(candidates(settings(tmp_path, **environ), "unix:///x")).origin == origin


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        ("tcp://a:1,,tcp://b:1", "empty name"),
        ("nobody", "no docker context 'nobody'"),
        ("tcp://h:1,tcp://h:1", "named twice"),
        ("private,private", "named twice"),
    ],
)
def test_builders_that_cannot_be(tmp_path: Path, builder: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        candidates(settings(tmp_path, DOCKER_CONFIG="/nowhere"), builder)


def test_only_a_missing_socket_is_absent(tmp_path: Path) -> None:
    endpoint = Endpoint(name=NodeName("x"), address=f"unix://{tmp_path}/s", wire=Wire.DOCKER)
    assert not Candidate(endpoint=endpoint).present()
    (tmp_path / "s").touch()
    assert Candidate(endpoint=endpoint).present()
    assert Candidate(endpoint=None).present()
    assert Candidate(endpoint=replace(endpoint, address="tcp://nowhere:1")).present()


def test_images_go_to_the_builders_docker(tmp_path: Path) -> None:
    private = Endpoint(
        name=NodeName("private"), address="unix:///p", wire=Wire.DOCKER, private=True
    )
    docker = Endpoint(name=NodeName("d"), address="unix:///d", wire=Wire.DOCKER)
    loader = image_loader(settings(tmp_path), [dialer(private), dialer(docker)])
    assert loader is not None
    assert loader.endpoint == docker  # type: ignore[attr-defined]  # the class, not the Protocol


def test_images_go_to_the_docker_of_the_settings(tmp_path: Path) -> None:
    buildkit = Endpoint(name=NodeName("b"), address="unix:///b", wire=Wire.BUILDKIT)
    socket = tmp_path / "docker.sock"
    found = settings(tmp_path, DOCKER_HOST=f"unix://{socket}")
    assert image_loader(found, [dialer(buildkit)]) is None
    socket.touch()
    loader = image_loader(found, [dialer(buildkit)])
    assert loader is not None
    assert loader.endpoint.address == f"unix://{socket}"  # type: ignore[attr-defined]  # as above

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest
from docker import errors as docker_errors

from bakex.errors import EngineStartError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.drivers.docker_sdk import pull, with_docker


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real one asks the daemon for its version at once.
    monkeypatch.setattr("docker.DockerClient", MagicMock())


class NoWay:
    endpoint = Endpoint(name=NodeName("n"), address="unix:///d.sock", wire=Wire.DOCKER)


async def test_what_docker_refuses_is_said() -> None:
    def work(_: object) -> None:
        raise docker_errors.DockerException("it is raining")

    way: Any = NoWay()
    with pytest.raises(EngineStartError, match=r"docker at unix:///d.sock cannot do it") as caught:
        await with_docker(way, work, what="cannot do it", hint="wait")
    assert (caught.value.detail, caught.value.hint) == ("it is raining", "wait")


async def test_what_it_returns_is_returned() -> None:
    way: Any = NoWay()
    assert await with_docker(way, lambda _: 7, what="", hint="") == 7


def test_an_image_that_is_there_will_do() -> None:
    client = MagicMock()
    client.images.pull.side_effect = docker_errors.APIError("no registry")
    pull(client, "x")
    client.images.get.assert_called_once_with("x")
    client.images.get.side_effect = docker_errors.ImageNotFound("x")
    with pytest.raises(docker_errors.APIError, match="no registry"):
        pull(client, "x")

"""Docker's SDK over any kind of way to a daemon."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

import docker
import requests.exceptions
from docker import errors as docker_errors

from bakex.errors import EngineStartError
from bakex.nodes.relay import relayed

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.carriers import Way

_T = TypeVar("_T")
_CALL_S: Final = 600  # a pull takes minutes


async def with_docker(
    way: Way, work: Callable[[docker.DockerClient], _T], *, what: str, hint: str
) -> _T:
    """Do something with docker's SDK in a thread and return what it returns.

    Args:
        way: How the docker daemon is reached.
        work: What to do; gets the client.
        what: What docker cannot do when this fails, for people: "cannot run ...".
        hint: What to do then.

    Raises:
        EngineStartError: Docker refused.

    Cancelling leaves docker to finish what it was asked for.
    """

    def run(socket: str) -> _T:
        client = docker.DockerClient(base_url=f"unix://{socket}", timeout=_CALL_S)
        try:
            return work(client)
        finally:
            client.close()

    try:
        async with relayed(way) as socket:
            return await asyncio.to_thread(run, str(socket))
    except (docker_errors.DockerException, requests.exceptions.RequestException) as error:
        explanation = getattr(error, "explanation", None) or str(error)
        raise EngineStartError(
            f"docker at {way.endpoint.address} {what}", detail=f"{explanation}", hint=hint
        ) from None


def pull(client: docker.DockerClient, image: str) -> None:
    """Pull an image; one that is there already will do if it cannot be pulled."""
    try:
        client.images.pull(image)
    except docker_errors.APIError:
        try:
            client.images.get(image)
        except docker_errors.ImageNotFound:
            pass
        else:
            return
        raise

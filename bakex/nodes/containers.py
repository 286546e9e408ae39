"""Daemons in containers: streams to them are programs that run inside, connected to the socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from bakex.errors import DialError
from bakex.nodes.hijack import ask, execute
from bakex.nodes.pipes import Pipes

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bakex.carriers import Launcher, Way
    from bakex.diagnostics import Diagnostic
    from bakex.model.node import Endpoint
    from bakex.nodes.drivers.docker_container import DockerContainer

DIAL: Final = ("buildctl", "dial-stdio")
_SCHEME: Final = "docker-container://"
_SHOWN: Final = 600  # characters of what a program complains about


class DockerContainerDialer:
    """Implements `bakex.carriers.Way` for ``docker-container://`` addresses.

    Streams go over docker's own API, so that no docker command is needed. A container that has an
    image among its options is made, or started, when the first stream is opened.

    Args:
        endpoint: The container; ``via`` is the docker daemon.
        via: How that daemon is reached; closed together with this.
    """

    def __init__(self, endpoint: Endpoint, via: Way) -> None:
        self._endpoint = endpoint
        self._via = via
        self._name = endpoint.address.removeprefix(_SCHEME)
        self._is_ready = False
        self._readying = asyncio.Lock()
        self._complaint: str | None = None

    @property
    def endpoint(self) -> Endpoint:
        """What is dialled."""
        return self._endpoint

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Open a new byte stream.

        Raises:
            DialError: Docker cannot be reached, or the container does not run.
            EngineStartError: The container cannot be made or started.
            ConfigError: An option of the container makes no sense.
        """
        async with self._readying:
            if not self._is_ready:
                await self._make_ready()
                self._is_ready = True
        self._complaint = None
        request = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Cmd": DIAL}
        status, answer = await ask(
            self._via, "POST", f"/containers/{quote(self._name)}/exec", request
        )
        if status != 201:
            self._is_ready = False
            raise self._failure("no program can be run in the container", _message(answer))
        return await execute(self._via, str(answer["Id"]), factory, self._lost)

    async def explain(self, now: datetime) -> DialError | None:
        """Return what the program in the container, or the way to docker, complained about."""
        if self._complaint is not None:
            words = self._complaint.strip() or "It ended without a word."
            return self._failure("the container has no BuildKit that answers", words)
        error = await self._via.explain(now)
        return error if isinstance(error, DialError) else None

    def warnings(self, now: datetime) -> tuple[Diagnostic, ...]:
        """Return what is to be said about the way to docker."""
        return self._via.warnings(now)

    async def aclose(self) -> None:
        """Close the way to docker; the container goes on."""
        await self._via.aclose()

    def _lost(self, complaint: str) -> None:
        self._complaint = complaint

    async def _make_ready(self) -> None:
        status, answer = await ask(self._via, "GET", f"/containers/{quote(self._name)}/json")
        if status == 200 and answer.get("State", {}).get("Running"):
            return
        if "image" in self._endpoint.options:
            await self._driver().start()
        elif status == 404:
            raise self._failure(
                "there is no such container", "", "check the name, or add image= to make it"
            )
        elif status == 200:
            raise self._failure("the container does not run", "", f"run docker start {self._name}")
        else:
            raise self._failure("docker says nothing about the container", _message(answer))

    def _driver(self) -> DockerContainer:
        from bakex.nodes.drivers.docker_container import (  # noqa: PLC0415 - imports docker's SDK
            DockerContainer,
        )

        return DockerContainer(self._via, self._name, self._endpoint.options)

    def _failure(self, what: str, why: str, todo: str = "") -> DialError:
        return failure(self._endpoint, what, why, todo or "look at the container's log")


class CommandDialer:
    """A way that is one command for each stream, such as ``podman exec``.

    Args:
        endpoint: What is dialled.
        launcher: Starts the command.
        argv: The command; its input and output are the stream.
    """

    def __init__(self, endpoint: Endpoint, launcher: Launcher, argv: tuple[str, ...]) -> None:
        self._endpoint = endpoint
        self._argv = argv
        self._pipes = Pipes(launcher)

    @property
    def endpoint(self) -> Endpoint:
        """What is dialled."""
        return self._endpoint

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Open a new byte stream.

        Raises:
            DialError: The command cannot be run.
        """
        return await self._pipes.open(self._argv, factory)

    async def explain(self, now: datetime) -> DialError | None:
        """Return what the command complained about."""
        del now
        words = await self._pipes.complaint()
        if words is None:
            return None
        return failure(
            self._endpoint,
            f"{self._argv[0]} could not reach the daemon",
            words,
            f"check that the container runs, and holds {DIAL[0]}",
        )

    def warnings(self, now: datetime) -> tuple[Diagnostic, ...]:
        """Return nothing."""
        del now
        return ()

    async def aclose(self) -> None:
        """End the commands; safe to repeat."""
        await self._pipes.aclose()


def podman_dialer(endpoint: Endpoint, launcher: Launcher) -> CommandDialer:
    """Return the dialer for a ``podman-container://`` address."""
    name = endpoint.address.partition("://")[2]
    return CommandDialer(endpoint, launcher, ("podman", "exec", "-i", name, *DIAL))


def failure(endpoint: Endpoint, what: str, why: str, todo: str) -> DialError:
    """Return the error for a daemon that is not reached."""
    origin = f" ({endpoint.origin})" if endpoint.origin else ""
    return DialError(f"{endpoint.address}{origin}: {what}", detail=why[-_SHOWN:], hint=todo)


def _message(answer: object) -> str:
    fields = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    return str(fields.get("message", ""))

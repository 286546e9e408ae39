"""A docker daemon's image store, as far as it takes archives.

Docker Engine API, ``POST /images/load``: the body is the archive; the answer is a stream of JSON
objects, one of which carries ``error`` if the archive was refused after the 200.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, cast

import httpx

from bakex.errors import OutputError
from bakex.nodes.address import host_port, socket_path
from bakex.nodes.dialers import CONNECT_TIMEOUT_S, tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.model.node import Endpoint

_CHUNK: Final = 1024 * 1024  # bytes read from the archive at once
# Between two writes or reads. The daemon unpacks layers before it answers, which takes minutes.
_SILENCE_S: Final = 900.0
_SHOWN: Final = 500  # characters of a refusal that are shown


class DockerImageLoader:
    """Implements `bakex.interfaces.ImageLoader` for the docker daemon at an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def endpoint(self) -> Endpoint:
        """The docker daemon."""
        return self._endpoint

    async def load(self, archive: Path) -> None:
        """Load an archive of one or more images.

        Not atomic: docker keeps the images of an archive that it had loaded before it found fault
        with a later one. Loading the same archive again changes nothing.

        Raises:
            OutputError: The archive cannot be read, or the daemon refused it or went away.
            DialError: The endpoint's certificates cannot be used.

        Cancelling closes the connection; docker then drops what it was loading.
        """
        try:
            async with (
                self._client() as client,
                client.stream(
                    "POST",
                    "/images/load",
                    params={"quiet": "1"},
                    content=_chunks(archive),
                    headers={"Content-Type": "application/x-tar"},
                ) as response,
            ):
                if response.status_code != 200:
                    raise self._refused(_message(await response.aread()))
                async for line in response.aiter_lines():
                    if problem := _problem(line):
                        raise self._refused(problem)
        except httpx.HTTPError as error:
            raise OutputError(
                f"the image could not be handed to docker at {self._endpoint.address}",
                detail=f"{error}." if str(error) else "The connection ended early.",
                hint="check that the docker daemon is running",
            ) from error
        except OSError as error:
            raise OutputError(f"{archive} cannot be read", detail=f"{error.strerror}.") from error

    def _client(self) -> httpx.AsyncClient:
        timeout = httpx.Timeout(_SILENCE_S, connect=CONNECT_TIMEOUT_S)
        path = socket_path(self._endpoint)
        if path:
            # Without TLS there is nothing to verify, and the authorities need not be loaded.
            transport = httpx.AsyncHTTPTransport(uds=path, verify=False)
            base = "http://docker"
        else:
            host, port = host_port(self._endpoint)
            context = tls_context(self._endpoint)
            transport = httpx.AsyncHTTPTransport(verify=context or False)
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            base = f"http://{place}" if context is None else f"https://{place}"
        return httpx.AsyncClient(
            transport=transport, base_url=base, timeout=timeout, trust_env=False
        )

    def _refused(self, reason: str) -> OutputError:
        return OutputError(
            f"docker at {self._endpoint.address} refused the image",
            detail=reason[:_SHOWN],
            hint="load an image of one platform if docker's image store holds no more than that",
        )


async def _chunks(archive: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(archive.open, "rb") as source:
        while chunk := await asyncio.to_thread(source.read, _CHUNK):
            yield chunk


def _problem(line: str) -> str:
    """Return what a line of the answer says went wrong; empty for a report of progress."""
    if not line.strip():
        return ""
    try:
        document: object = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    found = cast("dict[str, Any]", document).get("error")
    return str(found) if found else ""


def _message(body: bytes) -> str:
    """Return the message of a refusal: docker sends JSON, a proxy between may send text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document: object = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict):
        return str(cast("dict[str, Any]", document).get("message", text))
    return text

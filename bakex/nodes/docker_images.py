"""A docker daemon's image store, as far as archives go in and out of it.

Docker Engine API: ``POST /images/load`` (the body is the archive; the answer is a stream of JSON
objects, one of which carries ``error`` if the archive was refused after the 200),
``GET /images/{name}/get``, ``POST /images/{name}/tag`` and ``DELETE /images/{name}``.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

from bakex.errors import NodeError, OutputError
from bakex.nodes.address import host_port, socket_path
from bakex.nodes.dialers import CONNECT_TIMEOUT_S
from bakex.nodes.relay import relayed
from bakex.nodes.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    import httpx

    from bakex.carriers import Way
    from bakex.model.node import Endpoint

_CHUNK: Final = 1024 * 1024  # bytes read from the archive at once
# Between two writes or reads. The daemon unpacks layers before it answers, which takes minutes.
_SILENCE_S: Final = 900.0
_SHOWN: Final = 500  # characters of a refusal that are shown


class _BrokenOffError(Exception):
    """An exchange with the daemon did not come to its end."""

    @property
    def detail(self) -> str:
        """A sentence on why."""
        return f"{self}." if str(self) else "The connection ended early."


class DockerImages:
    """Implements `bakex.carriers.ImageLoader` and `bakex.carriers.ImageStore`.

    Args:
        way: How to reach the docker daemon.
        shared: Whether somebody else closes `way`; if not, it is closed after each call.
        by_digest: Whether its images have manifests, by whose digests they can be asked for.
    """

    def __init__(self, way: Way, *, shared: bool = True, by_digest: bool = False) -> None:
        self._way = way
        self._shared = shared
        self.by_digest = by_digest

    @property
    def endpoint(self) -> Endpoint:
        """The docker daemon."""
        return self._way.endpoint

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
        except _BrokenOffError as error:
            raise OutputError(
                f"the image could not be handed to docker at {self.endpoint.address}",
                detail=error.detail,
                hint="check that the docker daemon is running",
            ) from error
        except OSError as error:
            raise OutputError(f"{archive} cannot be read", detail=f"{error.strerror}.") from error

    async def save(self, name: str, archive: Path) -> None:
        """Write an image as an archive; the file is complete or the call fails.

        Raises:
            NodeError: The daemon has no such image, refused, or went away.
            OutputError: The file cannot be written.
        """
        try:
            async with (
                self._client() as client,
                client.stream("GET", f"/images/{quote(name, safe='/:')}/get") as response,
            ):
                if response.status_code != 200:
                    raise NodeError(
                        f"docker at {self.endpoint.address} does not hand over {name}",
                        detail=_message(await response.aread())[:_SHOWN],
                        hint="look at the daemon's log",
                    )
                with await asyncio.to_thread(archive.open, "wb") as file:
                    async for chunk in response.aiter_raw(_CHUNK):
                        await asyncio.to_thread(file.write, chunk)
        except _BrokenOffError as error:
            raise NodeError(
                f"docker at {self.endpoint.address} broke off while it handed over {name}",
                detail=error.detail,
                hint="look at the daemon's log",
            ) from error
        except OSError as error:
            raise OutputError(f"{archive} cannot be written", detail=f"{error.strerror}.") from None

    async def remove(self, name: str) -> None:
        """Remove a name, and the image when it was the last one; no error if there is none.

        Raises:
            NodeError: The daemon refused or went away.
        """
        try:
            async with self._client() as client:
                response = await client.delete(f"/images/{quote(name, safe='/:')}")
        except _BrokenOffError as error:
            raise NodeError(
                f"docker at {self.endpoint.address} broke off", detail=f"{error}."
            ) from error
        if response.status_code not in {200, 404}:
            raise NodeError(
                f"docker at {self.endpoint.address} does not remove {name}",
                detail=_message(response.content)[:_SHOWN],
            )

    async def discard(self, name: str) -> None:
        """Remove an image that has no names; leave one that has. Idempotent.

        Raises:
            NodeError: The daemon refused or went away.
        """
        try:
            async with self._client() as client:
                response = await client.get(f"/images/{quote(name, safe='/:')}/json")
                found: object = response.json()
        except (_BrokenOffError, ValueError) as error:
            raise NodeError(
                f"docker at {self.endpoint.address} broke off", detail=f"{error}."
            ) from error
        tags = cast("dict[str, object]", found).get("RepoTags") if isinstance(found, dict) else None
        if response.status_code == 200 and not tags:
            await self.remove(name)

    async def tag(self, name: str, other: str) -> None:
        """Give an image one more name; what has that name so far loses it. Idempotent.

        Raises:
            OutputError: The daemon has no such image, refused, or went away.
        """
        repository, colon, tag = other.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = other, ""
        try:
            async with self._client() as client:
                response = await client.post(
                    f"/images/{quote(name, safe='/:')}/tag",
                    params={"repo": repository, "tag": tag},
                )
        except _BrokenOffError as error:
            raise OutputError(
                f"docker at {self.endpoint.address} broke off while it named an image {other}",
                detail=error.detail,
                hint="check that the docker daemon is running, and bake again",
            ) from error
        if response.status_code != 201:
            raise OutputError(
                f"docker at {self.endpoint.address} does not name an image {other}",
                detail=_message(response.content)[:_SHOWN],
                hint="look at the daemon's log",
            )

    async def host(self) -> dict[str, Any]:
        """Return what the daemon says about itself and its machine (``GET /info``).

        Raises:
            NodeError: The daemon refused, went away, or says something else.
        """
        try:
            async with self._client() as client:
                response = await client.get("/info")
                found: object = response.json()
        except (_BrokenOffError, ValueError) as error:
            raise NodeError(
                f"docker at {self.endpoint.address} does not tell about itself", detail=f"{error}."
            ) from error
        if response.status_code != 200 or not isinstance(found, dict):
            raise NodeError(f"docker at {self.endpoint.address} does not tell about itself")
        return cast("dict[str, Any]", found)

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[httpx.AsyncClient, None]:
        import httpx  # noqa: PLC0415 - start-up: most bakes neither load nor fetch images

        timeout = httpx.Timeout(_SILENCE_S, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._transport() as (transport, base):
                client = httpx.AsyncClient(
                    transport=transport, base_url=base, timeout=timeout, trust_env=False
                )
                async with client:
                    yield client
        except httpx.HTTPError as error:
            raise _BrokenOffError(str(error)) from error
        finally:
            if not self._shared:
                await self._way.aclose()

    @asynccontextmanager
    async def _transport(self) -> AsyncGenerator[tuple[httpx.AsyncHTTPTransport, str], None]:
        """Provide a transport and the base of its URLs."""
        import httpx  # noqa: PLC0415 - as above

        endpoint = self.endpoint
        path = socket_path(endpoint)
        if path:
            # Without TLS there is nothing to verify, and the authorities need not be loaded.
            yield httpx.AsyncHTTPTransport(uds=path, verify=False), "http://docker"
            return
        host, port = host_port(endpoint)
        if not endpoint.address.startswith("tcp:"):
            async with relayed(self._way) as socket:
                yield httpx.AsyncHTTPTransport(uds=str(socket), verify=False), "http://docker"
            return
        context = tls_context(endpoint)
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        base = f"http://{place}" if context is None else f"https://{place}"
        yield httpx.AsyncHTTPTransport(verify=context or False), base

    def _refused(self, reason: str) -> OutputError:
        return OutputError(
            f"docker at {self.endpoint.address} refused the image",
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

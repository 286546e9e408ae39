"""Connections for many requests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from bakex.registry.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Body(httpx.AsyncByteStream):
    def __init__(self) -> None:
        self.is_closed = False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        yield b"body"

    async def aclose(self) -> None:
        self.is_closed = True


class Lane(httpx.AsyncBaseTransport):
    def __init__(self, *, stream: httpx.AsyncByteStream | httpx.SyncByteStream) -> None:
        self.stream = stream
        self.requests: list[str] = []
        self.is_closed = False
        self.fails = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.fails:
            raise httpx.ConnectError("refused")
        self.requests.append(str(request.url))
        return httpx.Response(200, stream=self.stream)

    async def aclose(self) -> None:
        self.is_closed = True


class Maker:
    def __init__(self) -> None:
        self.made: list[Lane] = []

    def __call__(self, url: httpx.URL) -> Lane:
        self.made.append(Lane(stream=Body()))
        return self.made[-1]


async def test_a_free_lane_is_used_again() -> None:
    make = Maker()
    async with httpx.AsyncClient(transport=Lanes(make)) as client:
        for _ in range(3):
            assert (await client.get("http://a/")).content == b"body"
        await client.get("http://b/")
        await client.get("https://a/")
    assert [len(lane.requests) for lane in make.made] == [3, 1, 1]
    assert all(lane.is_closed for lane in make.made)


async def test_a_busy_lane_is_not() -> None:
    make = Maker()
    async with httpx.AsyncClient(transport=Lanes(make)) as client:
        async with client.stream("GET", "http://a/1"), client.stream("GET", "http://a/2"):
            assert len(make.made) == 2
        await client.get("http://a/3")
    assert [lane.requests for lane in make.made] == [["http://a/1", "http://a/3"], ["http://a/2"]]


async def test_a_lane_that_failed_is_dropped() -> None:
    make = Maker()
    async with httpx.AsyncClient(transport=Lanes(make)) as client:
        await client.get("http://a/")
        make.made[0].fails = True
        with pytest.raises(httpx.ConnectError):
            await client.get("http://a/")
        await client.get("http://a/")
    assert len(make.made) == 2
    assert make.made[0].is_closed


async def test_only_asynchronous_answers_are_taken() -> None:
    lanes = Lanes(lambda url: Lane(stream=httpx.ByteStream(b"")))
    # A ByteStream is both kinds; a synchronous one alone is a mistake in the lane.
    async with httpx.AsyncClient(transport=lanes) as client:
        await client.get("http://a/")

    class OnlySync(httpx.SyncByteStream):
        pass

    lanes = Lanes(lambda url: Lane(stream=OnlySync()))
    async with httpx.AsyncClient(transport=lanes) as client:
        with pytest.raises(TypeError):
            await client.get("http://a/")

"""Answers that come slowly, or without end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from bakex.errors import RegistryError
from bakex.registry.download import Download, whole
from bakex.registry.request import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUEST = Request(method="GET", target="/", action="pull from", place="reg/app", limit=1000)
HEAD = replace(REQUEST, method="HEAD")


def response(chunks: AsyncIterator[bytes], **headers: str) -> httpx.Response:
    found = httpx.Response(200, headers=headers, content=chunks)
    found.request = httpx.Request("GET", "http://reg/")
    return found


async def drip(number: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield bytes(size)


def ticking(step: float) -> list[float]:
    return [step * number for number in range(10_000)]


async def read(size: int, seconds: float) -> int:
    times = iter(ticking(seconds))
    download = Download(response(drip(500, size)), REQUEST, timer=lambda: next(times))
    return sum([len(chunk) async for chunk in download.chunks()])


async def test_a_slow_but_steady_body_is_read() -> None:
    assert await read(16 << 10, 10.0) == 500 * (16 << 10)


async def test_a_body_that_drips_is_given_up() -> None:
    with pytest.raises(RegistryError, match="the answer hardly comes in") as caught:
        await read(1, 10.0)
    assert caught.value.transient


async def test_more_than_the_limit_is_not_read() -> None:
    for headers in ({}, {"Content-Length": "9" * 40}):
        with pytest.raises(RegistryError, match="more than 1000 bytes"):
            await whole(response(drip(500, 100), **headers), REQUEST)


async def test_an_answer_to_head_is_taken_to_its_end() -> None:
    ended: list[bool] = []

    async def nothing() -> AsyncIterator[bytes]:
        async for chunk in drip(0, 0):
            yield chunk
        ended.append(True)

    # The length is that of what was asked about, and may be more than anybody would read.
    answer = await whole(response(nothing(), **{"Content-Length": "5000"}), HEAD)
    assert (answer.body, ended) == (b"", [True])


async def test_an_answer_that_never_ends_is_given_up() -> None:
    async def endless() -> AsyncIterator[bytes]:
        import asyncio  # noqa: PLC0415 - only here

        await asyncio.Event().wait()
        yield b""

    hasty = Request(method="GET", target="/", action="x", place="y", read_s=0.01)
    with pytest.raises(RegistryError, match="hardly comes in"):
        await whole(response(endless()), hasty)

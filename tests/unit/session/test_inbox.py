from __future__ import annotations

import asyncio

import pytest

from bakex.session.inbox import Inbox, inbox, together
from bakex.testing.calls import MemoryCall


async def test_together_returns_when_all_did() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await together(work(1), work(2))
    assert done == [1, 2]


async def test_together_raises_the_first_failure_and_stops_the_others() -> None:
    stopped = asyncio.Event()

    async def fail() -> None:
        await together(fail_deeper())

    async def fail_deeper() -> None:
        raise ValueError("first")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise KeyError("second") from None

    with pytest.raises(ValueError, match="first"):
        await together(fail(), wait())
    assert stopped.is_set()


async def test_messages_come_in_batches() -> None:
    service, daemon = MemoryCall.pair(depth=0)
    for message in (b"a", b"", b"c"):
        await daemon.send(message)
    async with inbox(service) as box:
        assert await box.take() == [b"a", b"", b"c"]
        await daemon.send(b"d")
        assert await box.take() == [b"d"]
        await daemon.end()
        assert await box.take() == []
        assert await box.take() == []


async def test_what_comes_with_the_end_is_not_lost() -> None:
    service, daemon = MemoryCall.pair(depth=0)
    await daemon.send(b"last")
    await daemon.end()
    async with inbox(service) as box:
        assert await box.take() == [b"last"]
        assert await box.take() == []


@pytest.mark.parametrize(("max_size", "max_count"), [(3, 100), (100, 3)])
async def test_a_full_inbox_makes_the_peer_wait(max_size: int, max_count: int) -> None:
    service, daemon = MemoryCall.pair(depth=1)
    box = Inbox(service, max_size=max_size, max_count=max_count)
    sent: list[int] = []

    async def send() -> None:
        for number in range(20):
            await daemon.send(b"x")
            sent.append(number)
        await daemon.end()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(box.fill())
        tasks.create_task(send())
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(sent) == 4  # three in the box, one under way
        taken = 0
        while batch := await box.take():
            assert len(batch) <= 3
            taken += len(batch)
    assert taken == 20


async def test_a_failure_to_receive_ends_the_block() -> None:
    service, daemon = MemoryCall.pair()
    await daemon.abort(ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError):
        async with inbox(service) as box:
            await box.take()


async def test_a_failure_of_the_block_stops_receiving() -> None:
    service, _ = MemoryCall.pair()
    with pytest.raises(ValueError, match="mine"):
        async with inbox(service):
            raise ValueError("mine")

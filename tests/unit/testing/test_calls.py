from __future__ import annotations

import pytest

from bakex.session.attachable import Call, CallError, Status
from bakex.testing.calls import MemoryCall, exchange, serve, unary


async def echo(call: Call) -> None:
    while (message := await call.receive()) is not None:
        await call.send(message)


async def refuse(call: Call) -> None:
    raise CallError(Status.NOT_FOUND, "nothing here")


async def test_messages_go_both_ways() -> None:
    assert await exchange(echo, [b"a", b"", b"b"]) == [b"a", b"", b"b"]
    assert await unary(echo, b"x") == b"x"


async def test_metadata_and_records() -> None:
    service, daemon = MemoryCall.pair(("k", "1"), ("k", "2"), keep=True)
    assert service.metadata.values("k") == ["1", "2"]
    await service.send(b"a")
    assert (service.sent, daemon.sent) == ([b"a"], [])
    await service.end()
    assert await daemon.receive_all() == [b"a"]
    assert await daemon.receive() is None


async def test_a_refusal_reaches_both_sides() -> None:
    service, daemon = MemoryCall.pair()
    with pytest.raises(CallError):
        await serve(refuse, service)
    with pytest.raises(CallError) as caught:
        await daemon.receive()
    assert caught.value.status is Status.NOT_FOUND


async def test_a_unary_call_has_one_answer() -> None:
    async def twice(call: Call) -> None:
        await call.send(b"1")
        await call.send(b"2")

    with pytest.raises(CallError, match="2 answers"):
        await unary(twice, b"")

from __future__ import annotations

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.session.attachable import CallError, Status
from bakex.session.requests import next_request, only_request
from bakex.testing.calls import MemoryCall


async def test_requests_are_decoded() -> None:
    service, daemon = MemoryCall.pair()
    await daemon.send(pb.GetSecretRequest(id="a").SerializeToString())
    assert (await only_request(service, pb.GetSecretRequest)).id == "a"
    await daemon.end()
    assert await next_request(service, pb.GetSecretRequest) is None


@pytest.mark.parametrize("message", [None, b"\xff"])
async def test_no_usable_request(message: bytes | None) -> None:
    service, daemon = MemoryCall.pair()
    await (daemon.end() if message is None else daemon.send(message))
    with pytest.raises(CallError) as caught:
        await only_request(service, pb.GetSecretRequest)
    assert caught.value.status is Status.INVALID_ARGUMENT

from __future__ import annotations

from bakex._pb import bk_pb2 as pb
from bakex.session.health import Health
from bakex.testing.calls import unary


async def test_the_session_is_serving() -> None:
    (handler,) = Health().services().values()
    answer = await unary(handler, pb.HealthRequest().SerializeToString())
    assert pb.HealthResponse.FromString(answer).status == 1


def test_the_method() -> None:
    assert list(Health().services()) == ["/grpc.health.v1.Health/Check"]

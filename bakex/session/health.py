"""The health service: tells the daemon that the session is alive (grpc.health.v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._pb import bk_pb2 as pb
from bakex.session.requests import only_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.session.attachable import Call, Handler

_SERVING = 1


class Health:
    """Answers that everything is well; a daemon that gets no answer for 15 s drops the session."""

    def services(self) -> Mapping[str, Handler]:
        """Return the check."""
        return {"/grpc.health.v1.Health/Check": self._check}

    async def _check(self, call: Call) -> None:
        await only_request(call, pb.HealthRequest)
        await call.send(pb.HealthResponse(status=_SERVING).SerializeToString())

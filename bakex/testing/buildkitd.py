"""A BuildKit daemon without builds: it speaks the wire for real and does what a script says.

Strict where real daemons are: ids are used once, a session must be there within its time, only
advertised methods are called, an upgrade needs its headers. What it was asked is kept for tests.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Self, cast

from grpclib.const import Cardinality, Status
from grpclib.const import Handler as Method
from grpclib.events import _DispatchServerEvents  # pyright: ignore[reportPrivateUsage]
from grpclib.server import Handler
from multidict import MultiDict

from bakex._pb import bk_pb2 as pb
from bakex.model.node import Wire
from bakex.session.tunnel import Tunnel
from bakex.session.wire import RawCodec, RawDetailsCodec
from bakex.testing.buildkit_build import Build, failure
from bakex.testing.buildkit_peer import Peer, Recorded, Rude, UpgradeServer, peer_protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from grpclib.exceptions import GRPCError
    from grpclib.server import Stream

    from bakex.session.wire import WireProtocol

    RawStream = Stream[bytes, bytes]
    Script = Callable[["Build"], Awaitable[Mapping[str, str]]]
    Frontend = Callable[["Build", pb.GatewaySolveRequest], Awaitable[pb.Result]]

__all__ = ("CAPABILITIES", "Build", "FakeBuildkitd", "failure")

_CONTROL = "/moby.buildkit.v1.Control/"
_BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/"
_HEADER = "x-docker-expose-session-"
CAPABILITIES = frozenset(
    {
        "exporter.multiple",
        "exporter.image.attestations",
        "exporter.sourcedateepoch",
        "gateway.warnings",
        "source.ocilayout",
        "reference.output",
        "gateway.solve.evaluate",
        "frontend.inputs",
        "exec.meta.ulimit",
        "exec.meta.linux.resources",
    }
)


def worker() -> pb.WorkerRecord:
    """Return a worker like that of buildkitd on amd64 with an emulator for arm64."""
    return pb.WorkerRecord(
        id="worker",
        labels={"org.mobyproject.buildkit.worker.snapshotter": "overlayfs"},
        platforms=[
            pb.Platform(os="linux", architecture="amd64"),
            pb.Platform(os="linux", architecture="arm64"),
        ],
        buildkit_version=pb.BuildkitVersion(version="v0.0.0-fake"),
    )


async def succeed(build: Build) -> Mapping[str, str]:
    """Do nothing, successfully: the script of a daemon that was given none."""
    del build
    return {}


async def describe_nothing(build: Build, request: pb.GatewaySolveRequest) -> pb.Result:
    """Return no steps and no answers: the frontend of a daemon that was given none."""
    del build, request
    return pb.Result()


class FakeBuildkitd:
    """The daemon; an asynchronous context manager that listens within its block.

    Attributes:
        script: What a solve does; returns the exporters' response or raises `failure`. Where a
            gateway client took the frontend's place, what comes after its result.
        frontend: What LLBBridge.Solve does in a build; returns the result or raises `failure`.
        workers: What ListWorkers answers.
        capabilities: What LLBBridge.Ping answers.
        builds: All solves that came to their exporters, in order.
        sessions: Sessions that are open, by id.
        opened: How many sessions there were.
        info_error: What Info fails with, if anything.
        ping_error: What LLBBridge.Ping fails with, if anything.
        status_error: What Status fails with, if anything.
        hang_up: Close each connection as soon as something is said.
        session_wait_s: How long a solve waits for its session; 5 in real daemons.
    """

    def __init__(self, path: Path, *, wire: Wire = Wire.BUILDKIT) -> None:
        self.path = path
        self.wire = wire
        self.script: Script = succeed
        self.frontend: Frontend = describe_nothing
        self.workers = [worker()]
        self.capabilities = CAPABILITIES
        self.builds: list[Build] = []
        self.sessions: dict[str, Peer] = {}
        self.opened = 0
        self.session_wait_s = 0.5
        self.info_error: GRPCError | None = None
        self.ping_error: GRPCError | None = None
        self.status_error: GRPCError | None = None
        self.hang_up = False
        self._jobs: dict[str, Build] = {}
        self._arrivals: dict[str, asyncio.Event] = {}
        self._refs: set[str] = set()
        self._handlers: list[Handler] = []
        self._transports: list[asyncio.BaseTransport] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._accept, str(self.path))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()

    async def kill(self) -> None:
        """Go away at once, as a killed process does; safe to repeat."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)
        for transport in self._transports:
            cast("asyncio.Transport", transport).abort()
        for handler in self._handlers:
            handler.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await handler.wait_closed()

    @property
    def jobs(self) -> list[Build]:
        """All solves, in order, with those that only ask for capabilities."""
        return list(self._jobs.values())

    # ------------------------------------------------------------ connections

    def _accept(self) -> asyncio.Protocol:
        if self.hang_up:
            return Rude()
        if self.wire is Wire.BUILDKIT:
            return self._control()
        return UpgradeServer(self._upgraded, self._transports)

    def _control(self) -> WireProtocol:
        unary, replies = Cardinality.UNARY_UNARY, Cardinality.UNARY_STREAM
        table = {
            _CONTROL + "ListWorkers": (self._list_workers, unary),
            _CONTROL + "Info": (self._info, unary),
            _CONTROL + "Solve": (self._solve, unary),
            _CONTROL + "Status": (self._status, replies),
            _CONTROL + "Session": (self._session, Cardinality.STREAM_STREAM),
            _BRIDGE + "Ping": (self._ping, unary),
            _BRIDGE + "Solve": (self._bridge_solve, unary),
            _BRIDGE + "Return": (self._return, unary),
        }
        mapping = {
            path: Method(function, kind, bytes, bytes) for path, (function, kind) in table.items()
        }
        handler = Handler(mapping, RawCodec(), RawDetailsCodec(), _DispatchServerEvents())
        self._handlers.append(handler)
        return Recorded(handler, self._transports)

    def _upgraded(self, path: str, headers: MultiDict[str]) -> asyncio.Protocol | None:
        """Return the protocol that takes over after an upgrade; None for an unknown path."""
        if path == "/grpc":
            return self._control()
        if path == "/session":
            return self._register(headers).protocol
        return None

    def _register(self, headers: MultiDict[str]) -> Peer:
        def lost() -> None:
            self.sessions.pop(peer.id, None)
            peer.ended.set()

        peer = Peer(
            id=headers.get(_HEADER + "uuid", ""),
            shared_key=headers.get(_HEADER + "sharedkey", ""),
            methods=tuple(headers.getall(_HEADER + "grpc-method", [])),
            protocol=peer_protocol(lost),
        )
        if not peer.id or peer.id in self.sessions:
            raise failure(f"session {peer.id!r} is malformed or exists")
        self.sessions[peer.id] = peer
        self.opened += 1
        self._arrived(peer.id).set()
        return peer

    # ------------------------------------------------------------ control

    async def _list_workers(self, stream: RawStream) -> None:
        await _request(stream, pb.ListWorkersRequest)
        await _reply(stream, pb.ListWorkersResponse(record=self.workers))

    async def _info(self, stream: RawStream) -> None:
        await _request(stream, pb.InfoRequest)
        if self.info_error is not None:
            raise self.info_error
        version = self.workers[0].buildkit_version if self.workers else pb.BuildkitVersion()
        await _reply(stream, pb.InfoResponse(buildkit_version=version))

    async def _solve(self, stream: RawStream) -> None:
        request = await _request(stream, pb.SolveRequest)
        if not request.ref or request.ref in self._refs:
            raise failure(f"job ID {request.ref} exists")
        if not request.HasField("cache"):
            raise failure("nil pointer dereference: cache")
        first = request.exporters[0] if request.exporters else pb.Exporter()
        if (first.type, first.attrs) != (request.first_exporter, request.first_exporter_attrs):
            raise failure("the first exporter is not given in both places")
        session = await self.session(request.session) if request.session else None
        build = Build(request, session)
        self._refs.add(request.ref)
        self._jobs[request.ref] = build
        self._arrived(request.ref).set()
        try:
            if not request.frontend:
                await build.returned.wait()
            if build.error is not None:
                raise failure(build.error.message, status=Status(build.error.code))
            response: Mapping[str, str] = {}
            if request.frontend or not request.internal:
                self.builds.append(build)
                response = await self.script(build)
            await _reply(stream, pb.SolveResponse(exporter_response=response))
        except asyncio.CancelledError:
            build.cancelled = True
            raise
        finally:
            build.updates.put_nowait(None)
            build.stopped.set()

    async def session(self, name: str) -> Peer:
        """Return a session, waiting for it as long as a solve does.

        Raises:
            GRPCError: There is no such session.
        """
        try:
            async with asyncio.timeout(self.session_wait_s):
                await self._arrived(name).wait()
            return self.sessions[name]
        except (TimeoutError, KeyError):
            raise failure(f"no active session for {name}: context deadline exceeded") from None

    def _arrived(self, name: str) -> asyncio.Event:
        """Return what is set once a job or a session of that name has come."""
        return self._arrivals.setdefault(name, asyncio.Event())

    async def _status(self, stream: RawStream) -> None:
        ref = (await _request(stream, pb.StatusRequest)).ref
        if self.status_error is not None:
            raise self.status_error
        build = await self._job(ref)
        while (update := await build.updates.get()) is not None:
            await _reply(stream, update)

    async def _job(self, ref: str) -> Build:
        try:
            async with asyncio.timeout(6.0):
                await self._arrived(ref).wait()
        except TimeoutError:
            raise failure(f"no such job {ref}", status=Status.NOT_FOUND) from None
        return self._jobs[ref]

    async def _session(self, stream: RawStream) -> None:
        items: Mapping[str, Any] = stream.metadata or {}
        headers = MultiDict((key, str(value)) for key, value in items.items())
        transport = Tunnel(self._register(headers).protocol)

        async def send() -> None:
            while (data := await transport.outgoing()) is not None:
                await _reply(stream, pb.BytesMessage(data=data))

        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(send())
                while (message := await stream.recv_message()) is not None:
                    transport.incoming(pb.BytesMessage.FromString(message).data)
                sending.cancel()
        finally:
            transport.lose()

    # ------------------------------------------------------------ gateway

    async def _ping(self, stream: RawStream) -> None:
        await _request(stream, pb.PingRequest)
        if self.ping_error is not None:
            raise self.ping_error
        await self._job(_build_id(stream))
        caps = [pb.APICap(id=name, enabled=True) for name in sorted(self.capabilities)]
        caps.append(pb.APICap(id="disabled.one", enabled=False))
        await _reply(stream, pb.PongResponse(llb_caps=caps))

    async def _bridge_solve(self, stream: RawStream) -> None:
        request = await _request(stream, pb.GatewaySolveRequest)
        build = await self._job(_build_id(stream))
        if request.HasField("definition"):
            if request.frontend:
                raise failure("solve did not expect both Definition and Frontend")
            build.loaded.append(request.definition)
            result = pb.Result()
        else:
            result = await self.frontend(build, request)
        await _reply(stream, pb.GatewaySolveResponse(result=result))

    async def _return(self, stream: RawStream) -> None:
        request = await _request(stream, pb.ReturnRequest)
        build = await self._job(_build_id(stream))
        if build.stopped.is_set():
            raise failure(f"no such job {build.request.ref}")
        build.result = request.result
        build.error = request.error if request.HasField("error") else None
        build.returned.set()
        await _reply(stream, pb.Empty())


def _build_id(stream: RawStream) -> str:
    metadata: Mapping[str, Any] = stream.metadata or {}
    return str(metadata.get("buildkit-controlapi-buildid", ""))


async def _request(stream: RawStream, kind: type[Any]) -> Any:  # noqa: ANN401 - by message class
    message = await stream.recv_message()
    if message is None:
        raise failure("there is no request", status=Status.INVALID_ARGUMENT)
    return kind.FromString(message)


async def _reply(stream: RawStream, message: Any) -> None:  # noqa: ANN401 - any message
    await stream.send_message(message.SerializeToString())

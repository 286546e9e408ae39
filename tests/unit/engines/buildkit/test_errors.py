from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from grpclib.const import Status

from bakex import errors
from bakex._pb import bk_pb2 as pb
from bakex.diagnostics import Span, render
from bakex.engines.buildkit.causes import CAUSES, clean
from bakex.engines.buildkit.errors import Details, explain, parse_details
from bakex.engines.buildkit.recipe import Recipe
from bakex.engines.buildkit.status import StatusFold
from bakex.engines.buildkit.transport import RpcError
from bakex.model.node import Endpoint, NodeName, Speed, Wire
from bakex.testing.buildkitd import failure
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engines.buildkit.conftest import MakeCell

ENDPOINT = Endpoint(name=NodeName("node"), address="unix:///s", wire=Wire.BUILDKIT)
RECIPE = Recipe(
    frontend="dockerfile.v0", attrs={"filename": "Dockerfile"}, dockerfile="a/Dockerfile"
)
DOCKERFILE = "FROM scratch\nRUN false && \\\n  true\n"
REF = "w::xyz"


def source(start: int = 2, end: int = 3, filename: str = "Dockerfile") -> bytes:
    info = {"filename": filename, "data": base64.b64encode(DOCKERFILE.encode()).decode()}
    ranges = [{"start": {"line": start}, "end": {"line": end}}]
    return json.dumps({"info": info, "ranges": ranges}).encode()


def details(**found: bytes) -> bytes:
    names = {
        "vertex": "errdefs.Vertex",
        "source": "errdefs.Source",
        "exit": "gatewayapi.ExitMessage",
    }
    error = failure("m", details={names[key]: value for key, value in found.items()})
    assert isinstance(error.details, bytes)
    return error.details


@pytest.fixture
def explained(make_cell: MakeCell) -> Callable[..., errors.BakexError]:
    def explained(
        message: str,
        encoded: bytes = b"",
        *,
        status: Status = Status.UNKNOWN,
        log: str = "",
        speed: Speed = Speed.NATIVE,
        failed: str = "",
    ) -> errors.BakexError:
        cell = make_cell("linux/arm64", speed=speed)
        fold = StatusFold(cell.id, dockerfile="", clock=ManualClock(), events=EventRecorder())
        vertexes = [pb.Vertex(digest="v", name="RUN x", error=failed)] if failed else []
        logs = [pb.VertexLog(vertex="v", msg=log.encode())] if log else []
        fold.apply(pb.StatusResponse(vertexes=vertexes, logs=logs))
        error = RpcError(status, message, encoded)
        return explain(error, cell=cell, recipe=RECIPE, endpoint=ENDPOINT, fold=fold)

    return explained


# ---------------------------------------------------------------- failed steps


def test_a_failed_step_has_everything(explained: Any) -> None:
    found = explained(
        'failed to solve: process "/bin/sh -c false &&   true" did not complete successfully: '
        "exit code: 1",
        details(vertex=b'{"digest":"v"}', source=source(), exit=b'{"Code":3}'),
        log="compiling\nboom\n",
    )
    assert isinstance(found, errors.StepFailedError)
    assert found.summary == "app@linux/arm64: 'false && true' ended with exit code 3"
    assert found.detail == "Its last output:\ncompiling\nboom"
    assert found.span == Span(file="a/Dockerfile", line=2, end_line=3)
    assert "2 | RUN false" in render(found.diagnostics()[0])


@pytest.mark.parametrize(
    "message",
    [
        'executor failed running: process "x" did not complete successfully: exit code: 127',
        "failed to solve: executor failed running [/bin/sh -c x]: exit code: 127",
    ],
)
def test_an_old_daemon_has_no_details(explained: Any, message: str) -> None:
    found = explained(message, failed="broken")
    assert found.summary.endswith("'x' ended with exit code 127")
    assert found.detail == "It wrote nothing."
    assert "not found" in found.hint
    assert found.span is None


def step(code: int, command: str = "x") -> str:
    return f'process "{command}" did not complete successfully: exit code: {code}'


@pytest.mark.parametrize(
    ("code", "log", "speed", "hint"),
    [
        (1, "exec /bin/sh: exec format error\n", Speed.EMULATED,
         "run bakex platform install linux/arm64 --node node"),
        (1, "exec /x: exec format error\n", Speed.NATIVE, "are for linux/arm64"),
        (137, "", Speed.NATIVE, "short of memory"),
        (139, "", Speed.EMULATED, "with a newer QEMU"),
        (139, "", Speed.NATIVE, ""),
        (1, "whatever", Speed.EMULATED, ""),
    ],
)  # fmt: skip
def test_hints(explained: Any, code: int, log: str, speed: Speed, hint: str) -> None:
    found = explained(step(code), details(vertex=b'{"digest":"v"}'), log=log, speed=speed)
    assert hint in found.hint
    assert bool(found.hint) == bool(hint)


def test_long_commands_are_cut(explained: Any) -> None:
    summary = explained(step(1, "/bin/sh -c " + "y" * 200)).summary
    assert summary == f"app@linux/arm64: '{'y' * 77}...' ended with exit code 1"


# ---------------------------------------------------------------- causes

TEXTS: list[tuple[str, type[errors.BakexError], str]] = [
    ("failed to solve: failed to read dockerfile: open Dockerfile: no such file or directory",
     errors.FrontendError, "there is no Dockerfile 'Dockerfile'"),
    ('target stage "nope" could not be found', errors.FrontendError, "no stage 'nope'"),
    ("dockerfile parse error on line 2: unknown instruction: FOO", errors.FrontendError,
     "malformed: unknown instruction: FOO"),
    ("dockerfile parse error line 2: unknown flag: nope", errors.FrontendError,
     "malformed: unknown flag: nope"),
    ("file with no instructions", errors.FrontendError, "is empty"),
    ("the Dockerfile cannot be empty", errors.FrontendError, "is empty"),
    (f'failed to compute cache key: failed to calculate checksum of ref {REF}: "/a b": not found',
     errors.FrontendError, "'/a b' is not in the build context"),
    (f"failed to calculate checksum of ref {REF}: /x: not found", errors.FrontendError,
     "'/x' is not in the build context"),
    ("secret tok: not found", errors.SessionError, "asks for the secret 'tok'"),
    ("unsupported request frontend.x: y", errors.FrontendError, "has no method 'x'"),
    ("unset ssh forward key default", errors.SessionError, "asks for the SSH agent 'default'"),
    ("failed to solve: network.host is not allowed", errors.EntitlementError,
     "does not allow network.host"),
    ("failed to push h:5000/a/b: authorization failed: no basic auth credentials",
     errors.UnauthorizedError, "to push h:5000/a/b"),
    ("failed to push h:5/a: unexpected status: 401 Unauthorized", errors.UnauthorizedError,
     "wants other credentials"),
    ("failed to push h:5/a: unexpected status: 403 Forbidden", errors.DeniedError,
     "does not allow to push h:5/a"),
    ("failed to push h:5/a: Head https://h/sha256:401403: dial tcp: refused",
     errors.PushError, "h:5/a cannot be pushed"),
    ("pull access denied, repository does not exist or may require authorization",
     errors.UnauthorizedError, "needs credentials"),
    ("x: failed to resolve source metadata for docker.io/library/x:1: h/x:1: not found",
     errors.NameUnknownError, "image docker.io/library/x:1 does not exist"),
    ("failed to resolve source metadata for h/x:1: no match for platform in manifest",
     errors.FrontendError, "h/x:1 is not there for this platform"),
    ("failed to resolve source metadata for h/x:1: failed to do request: dial tcp",
     errors.RegistryError, "h/x:1 cannot be read"),
    ("failed to solve: exec format error", errors.StepFailedError, "not for a platform"),
    ('process "x" did not complete successfully: network bridge not found', errors.BuildError,
     "no network of its own"),
    ("write /x: no space left on device", errors.BuildError, "no disk space"),
    ('unknown cache exporter: "zz"', errors.UnsupportedAttributeError, "no cache of type 'zz'"),
    ('exporter "zz" could not be found', errors.UnsupportedOutputError, "no exporter 'zz'"),
    ("unsupported frontend capability moby.x", errors.FrontendError, "cannot do moby.x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "summary"), TEXTS)
def test_known_causes(
    explained: Any, text: str, kind: type[errors.BakexError], summary: str
) -> None:
    found = explained(text, details(source=source(2, 2)))
    assert type(found) is kind
    assert summary in found.summary
    assert found.summary.startswith("app@linux/arm64: ")
    assert found.span == Span(file="a/Dockerfile", line=2, end_line=2, end_column=15)


def test_every_cause_has_a_text() -> None:
    met = {next(c for c in CAUSES if c.pattern.search(clean(text))).title for text, _, _ in TEXTS}
    assert met == {cause.title for cause in CAUSES}


def test_details_in_our_words_only_where_they_add_something(explained: Any) -> None:
    assert explained('target stage "x" could not be found').detail == ""
    found = explained("failed to push h/a: it is raining")
    assert found.detail == "Failed to push h/a: it is raining."


# ---------------------------------------------------------------- the node


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("anything", Status.UNAVAILABLE),
        ("no active session for abc: context deadline exceeded", Status.UNKNOWN),
        ("transport is closing", Status.CANCELLED),
    ],
)
def test_a_lost_node(explained: Any, message: str, status: Status) -> None:
    found = explained(message, status=status)
    assert isinstance(found, errors.NodeLostError)
    assert "node (unix:///s)" in found.summary


def test_an_old_node(explained: Any) -> None:
    found = explained("unknown service", status=Status.UNIMPLEMENTED)
    assert isinstance(found, errors.CapabilityError)


def test_anything_else_is_shown_as_it_is(explained: Any) -> None:
    found = explained("rpc error: code = Unknown desc = x/y: it broke", failed="boom", log="last\n")
    assert type(found) is errors.BuildError
    assert found.summary == "app@linux/arm64: the build failed in 'RUN x'"
    assert found.detail == "x/y: it broke.\nlast"
    assert found.hint == ""
    bare = explained("")
    assert (bare.summary, bare.detail) == ("app@linux/arm64: the build failed", "")


# ---------------------------------------------------------------- details


def test_other_files_keep_their_names(explained: Any) -> None:
    found = explained("it broke", details(source=source(2, 3, "inner.Dockerfile")))
    assert found.span == Span(file="inner.Dockerfile", line=2, end_line=3)


def test_a_line_that_is_not_there(explained: Any) -> None:
    found = explained("it broke", details(source=source(9, 9)))
    assert found.span == Span(file="a/Dockerfile", line=9, end_line=9)
    assert render(found.diagnostics()[0])


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\xff\xff",
        details(vertex=b"{"),
        details(vertex=b"[]"),
        details(source=b'{"info":7,"ranges":[7]}'),
        details(source=b'{"info":{"data":"x"},"ranges":[]}'),
        details(source=b'{"ranges":[{"start":{"line":"1"},"end":{"line":2}}]}'),
        details(exit=b'{"Code":"1"}'),
    ],
)
def test_details_that_are_not_understood_are_left_out(encoded: bytes) -> None:
    assert parse_details(encoded) == Details()


def test_the_last_source_is_the_innermost() -> None:
    error = pb.Status()
    for name in ("outer", "inner"):
        error.details.add(type_url="x/errdefs.Source+json", value=source(filename=name))
    assert parse_details(error.SerializeToString()).filename == "inner"

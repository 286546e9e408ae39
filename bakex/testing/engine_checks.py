"""What every engine must do: one check for BuildKit daemons and what stands in for them."""

from __future__ import annotations

import asyncio
import tarfile
from typing import TYPE_CHECKING

from bakex.errors import StepFailedError
from bakex.events import LogWritten, StepChanged
from bakex.model.result import SaveTar, SaveTree
from bakex.testing.checks import require
from bakex.testing.fakes import EventRecorder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bakex.building import Engine
    from bakex.events import Event
    from bakex.model.plan import Cell
    from bakex.model.result import CellResult, ExportRequest

    MakeCell = Callable[[str], Cell]

# The context has this file, and a statically linked busybox where steps are run for real.
GREETING = b"hello\n"
DOCKERFILE = """\
FROM scratch AS copies
COPY greeting /
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
FROM base AS fails
RUN echo boom; exit 3
FROM base AS waits
RUN echo begun; sleep 987
"""
_BUILD_S = 60.0  # for one build, on a machine that is busy
_CANCEL_S = 10.0


class Listener(EventRecorder):
    """Tells when a step has written something.

    Attributes:
        output: Set by then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.output = asyncio.Event()

    def emit(self, event: Event) -> None:
        """Keep an event."""
        super().emit(event)
        if isinstance(event, LogWritten):
            self.output.set()


async def check_engine(engine: Engine, make_cell: MakeCell, directory: Path) -> None:
    """Check the contract of `bakex.building.Engine`; drops the engine's connections at the end.

    Args:
        engine: It builds for the platform of the cells.
        make_cell: Returns the cell that builds a stage of `DOCKERFILE` on a context with a file
            ``greeting``, which holds `GREETING`.
        directory: An empty directory for what the engine hands over.

    Raises:
        AssertionError: The engine breaks it; the message says where.
    """
    info = await engine.probe()
    require(make_cell("copies").id.platform in info.platforms, "the platform is not offered")
    require(await engine.probe() == info, "the daemon is something else when asked again")
    await _check_results(engine, make_cell("copies"), directory)
    await _check_failure(engine, make_cell("fails"), directory)
    await _check_cancelling(engine, make_cell("waits"), directory)
    await engine.aclose()
    await engine.aclose()
    require((await _build(engine, make_cell("copies"))).exports == (), "it does not open again")
    await engine.aclose()


async def _build(
    engine: Engine, cell: Cell, *exports: ExportRequest, events: EventRecorder | None = None
) -> CellResult:
    async with asyncio.timeout(_BUILD_S):
        return await engine.build(cell, exports, {}, events or EventRecorder())


async def _check_results(engine: Engine, cell: Cell, directory: Path) -> None:
    events = EventRecorder()
    result = await _build(engine, cell, events=events)
    require(result.cell == cell.id, "the result is that of another cell")
    require(result.exports == (), "something was handed over that nobody asked for")
    require(bool(result.ref), "the build has no identity")
    steps = [event for event in events.events if isinstance(event, StepChanged)]
    require(any("COPY greeting" in step.name for step in steps), "a step was not shown")
    require({step.cell for step in steps} == {cell.id}, "steps are those of another cell")

    tree, archive = directory / "tree", directory / "files.tar"
    tree.mkdir()
    (tree / "other").write_bytes(b"mine")
    async with asyncio.TaskGroup() as group:
        both = group.create_task(
            _build(engine, cell, SaveTree(directory=tree), SaveTar(file=archive))
        )
        group.create_task(_build(engine, cell, SaveTar(file=directory / "second.tar")))
    require(both.result().exports == (None, None), "files were taken for images")
    require((tree / "greeting").read_bytes() == GREETING, "a file changed")
    require((tree / "other").read_bytes() == b"mine", "a directory was not merged into")
    for name in ("files.tar", "second.tar"):
        with tarfile.open(directory / name) as tar:
            content = tar.extractfile("greeting")
            require(content is not None and content.read() == GREETING, f"{name} is wrong")
    require(_names(directory) == {"tree", "files.tar", "second.tar"}, "something was left behind")


async def _check_failure(engine: Engine, cell: Cell, directory: Path) -> None:
    before = _names(directory)
    try:
        await _build(engine, cell, SaveTar(file=directory / "failed.tar"))
    except StepFailedError as error:
        require(str(cell.id) in str(error), "the error does not name the cell")
        require("exit code 3" in str(error), "the error does not say how the step ended")
        require("boom" in error.detail, "the error does not have what the step wrote")
    else:
        raise AssertionError("a failed step was taken for a success")
    require(_names(directory) == before, "a failed build handed something over")


async def _check_cancelling(engine: Engine, cell: Cell, directory: Path) -> None:
    before, events = _names(directory), Listener()
    async with asyncio.TaskGroup() as group:
        build = group.create_task(
            _build(engine, cell, SaveTar(file=directory / "cancelled.tar"), events=events)
        )
        async with asyncio.timeout(_BUILD_S):
            await events.output.wait()
        build.cancel()
        _, running = await asyncio.wait([build], timeout=_CANCEL_S)
        require(not running, "cancelling takes too long")
    require(build.cancelled(), "a build that was cancelled did not say so")
    require(_names(directory) == before, "a cancelled build handed something over")


def _names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()}

"""A bake from the command line: the run, its display, the signals, the report."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

import typer

from bakex.cli.interrupts import watched
from bakex.cli.permissions import permitted
from bakex.cli.recording import recorded
from bakex.cli.streams import say
from bakex.diagnostics import Diagnostic, render
from bakex.errors import BlockedError, PublicationError
from bakex.events import WarningRaised
from bakex.model.publication import Report
from bakex.progress.display import Mode, choose
from bakex.progress.report import summary, write
from bakex.progress.screen import Screen
from bakex.progress.stream import EventStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bakex.api.outcome import Recorder
    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.cli.recording import Recording
    from bakex.cli.seam import Builder
    from bakex.config import Settings
    from bakex.interfaces import Clock
    from bakex.model.outcome import CellOutcome
    from bakex.model.publication import PublishPolicy
    from bakex.model.running import RunPolicy
    from bakex.progress.delivery import Delivery
    from bakex.progress.display import Display

_T = TypeVar("_T")
_FALLBACK = (80, 24)  # columns and rows of a terminal that does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """The options that say how to build and how to report it.

    Attributes:
        recording: What the record of the run says of it; None if none is kept.
        recorded: What became of cells in a former run.
    """

    progress: str
    builder: str
    metadata_file: str
    allow: Sequence[str]
    overrides: Sequence[str] = ()
    call: str = ""
    policy: PublishPolicy | None = None
    running: RunPolicy | None = None
    recording: Recording | None = None
    recorded: Sequence[CellOutcome] = ()


def build(
    run: Invocation, settings: Settings, resolution: Resolution, options: BuildOptions
) -> None:
    """Bake, show the progress on standard error, and write the report.

    If findings are wanted as JSON, that is all that standard error gets, unless the options ask
    for progress.

    Raises:
        BakexError: What went wrong.
        typer.Exit: The answer to a call is a bad one.
        StoppedError: A signal ended it.
    """
    console = console_of(run, settings, options.progress)
    mode = console.mode
    allow = permitted(
        settings,
        resolution,
        allow=options.allow,
        overrides=options.overrides,
        rawjson=mode is Mode.RAWJSON,
        ask=not run.as_json,
    )

    recording = options.recording
    recorder: Recorder | None = None

    async def job(client: Builder) -> Report:
        return await client.bake(
            resolution,
            allow=allow,
            policy=options.policy,
            running=options.running,
            recorder=recorder,
            recorded=options.recorded,
            parts=bool(recording and recording.shard),
        )

    try:
        with ExitStack() as stack:
            if recording is not None:
                recorder = stack.enter_context(
                    recorded(run, settings, recording, flags=_flags(options.builder, allow))
                )
            report = displayed(
                run, settings, console, job, builder=options.builder, warnings=resolution.warnings
            )
    except (PublicationError, BlockedError) as error:
        _write(error.report, settings, options)
        if isinstance(error, BlockedError):
            _sum_up(error.report, mode)
            say("")
        raise
    _write(report, settings, options)
    if not (recording and recording.shard):
        _sum_up(report, mode)
    elif mode in {Mode.PLAIN, Mode.TTY}:
        say("pushed by digest, no tag has moved: publish with bakex merge when all shards are done")
    if report.answers:
        from bakex.cli.calling import present  # noqa: PLC0415 - only for calls

        if code := present(resolution, report.answers, options.call):
            raise typer.Exit(code)


def _flags(builder: str, allow: Sequence[str]) -> list[str]:
    """Return the options that a resumption needs again: a record grants and chooses nothing."""
    chosen = ["--builder", builder] if builder else []
    return [*chosen, *(word for item in allow for word in ("--allow", item))]


def _sum_up(report: object, mode: Mode) -> None:
    if isinstance(report, Report) and report.targets and mode in {Mode.PLAIN, Mode.TTY}:
        say("\n".join(summary(report)))


def _write(report: object, settings: Settings, options: BuildOptions) -> None:
    """Write the metadata file if one is wanted, also when not everything was published."""
    if options.metadata_file and isinstance(report, Report):
        write(report, settings.cwd / Path(options.metadata_file))


@dataclass(frozen=True, slots=True)
class Console:
    """Where the progress is shown, and how."""

    out: TextIO
    mode: Mode


def console_of(run: Invocation, settings: Settings, progress: str) -> Console:
    """Return how a run shows its progress.

    Args:
        run: This run of the command.
        settings: Environment and terminal.
        progress: What the option says; empty to choose.

    Raises:
        UsageError: There is no such way.
    """
    out = sys.stderr
    wanted = progress or (Mode.QUIET if run.as_json else "")
    mode = choose(wanted, settings.progress, is_terminal=is_terminal(out, settings))
    return Console(out, mode)


def displayed(
    run: Invocation,
    settings: Settings,
    console: Console,
    job: Callable[[Builder], Awaitable[_T]],
    *,
    builder: str,
    warnings: Sequence[Diagnostic] = (),
) -> _T:
    """Connect to a builder, do something there, and show the progress meanwhile.

    Args:
        run: This run of the command.
        settings: Environment and terminal.
        console: Where the progress goes.
        job: What to do.
        builder: Where; empty to look for it.
        warnings: What is said first.

    Raises:
        BakexError: What went wrong.
        StoppedError: A signal ended it.
    """
    stream, clock = EventStream(), run.backend.clock()
    shown = _display(console, settings, clock)
    if run.as_json:
        shown = _Findings(shown, run.findings)

    def stopping() -> None:
        stream.notice("stopping; press Ctrl-C again to end at once")

    def last_words() -> None:
        if console.mode is Mode.TTY:
            from bakex.progress.tty import restore  # noqa: PLC0415 - loaded: the display is one

            restore(console.out.fileno())

    # Here and not in the event loop: it imports a lot, which goes faster while no garbage is looked
    # for, see `Interrupts.run`. It connects only when it is entered.
    connected = run.backend.connect(settings, builder=builder, events=stream)

    async def main() -> _T:
        for warning in warnings:
            stream.emit(WarningRaised(at=clock.now(), cell=None, diagnostic=warning))
        async with connected as client:
            return await job(client)

    with ExitStack() as stack:
        interrupts = stack.enter_context(watched(first=stopping, last=last_words))
        screen = Screen(shown, stream.subscribe())
        # Called last, when the display has left the terminal.
        stack.callback(_after, screen, console.mode)
        stack.enter_context(screen)
        return interrupts.run(main)


class _Findings:
    """A display that keeps warnings, besides what another display makes of them."""

    def __init__(self, display: Display, findings: list[Diagnostic]) -> None:
        self._display = display
        self._findings = findings
        self.interval_s = display.interval_s

    def update(self, batch: Sequence[Delivery]) -> None:
        for delivery in batch:
            if isinstance(delivery, WarningRaised):
                self._findings.append(delivery.diagnostic)
        self._display.update(batch)

    def close(self) -> None:
        self._display.close()


def _display(console: Console, settings: Settings, clock: Clock) -> Display:
    out = console.out
    # Each one is imported only if it is used.
    match console.mode:
        case Mode.QUIET:
            from bakex.progress.quiet import Quiet  # noqa: PLC0415

            return Quiet()
        case Mode.RAWJSON:
            from bakex.progress.rawjson import RawJson  # noqa: PLC0415

            return RawJson(out)
        case Mode.TTY:
            from bakex.progress.tty import Tty  # noqa: PLC0415

            colour = colours(out, settings)
            return Tty(out, size=lambda: _size(out), now=clock.now, colour=colour)
        case Mode.PLAIN | Mode.AUTO:
            from bakex.progress.plain import Plain  # noqa: PLC0415

            return Plain(out)


def _after(screen: Screen, mode: Mode) -> None:
    if mode in {Mode.PLAIN, Mode.TTY}:
        say("")  # sets the outcome apart, whatever it is
    if screen.failure is None:
        return
    warning = Diagnostic(
        code="BX9000",
        severity="warning",
        summary=f"the display of the progress failed: {type(screen.failure).__name__}",
        detail="The build is not affected. This is a bug in bakex.",
        hint="use --progress plain",
    )
    say(render(warning))


def is_terminal(out: TextIO, settings: Settings) -> bool:
    """Return whether a stream is a terminal that can move its cursor."""
    return out.isatty() and settings.environ.get("TERM", "dumb") != "dumb"


def colours(out: TextIO, settings: Settings) -> bool:
    """Return whether to use colours: on terminals, unless NO_COLOR is set (no-color.org)."""
    return is_terminal(out, settings) and not settings.environ.get("NO_COLOR")


def _size(out: TextIO) -> tuple[int, int]:
    try:
        columns, rows = os.get_terminal_size(out.fileno())
    except OSError:
        return _FALLBACK
    return columns or _FALLBACK[0], rows or _FALLBACK[1]

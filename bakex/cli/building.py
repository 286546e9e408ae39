"""A bake from the command line: the run, its display, the signals, the report."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from bakex.cli.interrupts import watched
from bakex.cli.permissions import permitted
from bakex.cli.streams import say
from bakex.diagnostics import Diagnostic, render
from bakex.errors import PublicationError
from bakex.events import WarningRaised
from bakex.model.publication import Report
from bakex.progress.display import Mode, choose
from bakex.progress.report import summary, write
from bakex.progress.screen import Screen
from bakex.progress.stream import EventStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.config import Settings
    from bakex.interfaces import Clock
    from bakex.model.publication import PublishPolicy
    from bakex.progress.delivery import Delivery
    from bakex.progress.display import Display

_FALLBACK = (80, 24)  # columns and rows of a terminal that does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """The options that say how to build and how to report it."""

    progress: str
    builder: str
    metadata_file: str
    allow: Sequence[str]
    overrides: Sequence[str] = ()
    call: str = ""
    policy: PublishPolicy | None = None


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
    out = sys.stderr
    wanted = options.progress or (Mode.QUIET if run.as_json else "")
    mode = choose(wanted, settings.progress, is_terminal=is_terminal(out, settings))
    allow = permitted(
        settings,
        resolution,
        allow=options.allow,
        overrides=options.overrides,
        rawjson=mode is Mode.RAWJSON,
        ask=not run.as_json,
    )
    options = replace(options, allow=allow)
    try:
        report = _run(run, settings, resolution, options, _Console(out, mode))
    except PublicationError as error:
        _write(error.report, settings, options)
        raise
    _write(report, settings, options)
    if report.targets and mode in {Mode.PLAIN, Mode.TTY}:
        say("\n".join(summary(report)))
    if report.answers:
        from bakex.cli.calling import present  # noqa: PLC0415 - only for calls

        if code := present(resolution, report.answers, options.call):
            raise typer.Exit(code)


def _write(report: object, settings: Settings, options: BuildOptions) -> None:
    """Write the metadata file if one is wanted, also when not every tag could be moved."""
    if options.metadata_file and isinstance(report, Report):
        write(report, settings.cwd / Path(options.metadata_file))


@dataclass(frozen=True, slots=True)
class _Console:
    out: TextIO
    mode: Mode


def _run(
    run: Invocation,
    settings: Settings,
    resolution: Resolution,
    options: BuildOptions,
    console: _Console,
) -> Report:
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

    async def main() -> Report:
        for warning in resolution.warnings:
            stream.emit(WarningRaised(at=clock.now(), cell=None, diagnostic=warning))
        connected = run.backend.connect(settings, builder=options.builder, events=stream)
        async with connected as client:
            return await client.bake(resolution, allow=options.allow, policy=options.policy)

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


def _display(console: _Console, settings: Settings, clock: Clock) -> Display:
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

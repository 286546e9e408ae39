"""The options that say how a plan is run, and where its record goes."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bakex.cli import options as o

if TYPE_CHECKING:
    from bakex.model.running import Emulation, RunPolicy


# No "from __future__ import annotations" here: Typer reads the options off these annotations.
class Running(NamedTuple):
    """How the cells of a plan are run."""

    jobs: Annotated[
        int, typer.Option(metavar="NUMBER", help="Builds at once on all nodes; 0 for no limit.")
    ] = 0
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going", "-k", help="After a failure, build what does not need what failed."
        ),
    ] = False
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="The longest that the bake may take: 1h30m.")
    ] = ""
    stall_timeout: Annotated[
        str,
        typer.Option(metavar="DURATION", help="The longest that a build may give no sign of life."),
    ] = ""
    emulation: o.Emulation = "fallback"
    speculate: Annotated[
        bool,
        typer.Option(
            "--speculate",
            help="Begin what is emulated and takes long on a free native node, too.",
        ),
    ] = False
    result: Annotated[
        str,
        typer.Option(metavar="FILE", help="Write there what became of each build, to resume it."),
    ] = ""

    def policy(self) -> "RunPolicy":
        """Return what the options say.

        Raises:
            UsageError: One has a value that it cannot have.
        """
        from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget
        from bakex.model.running import RunPolicy  # noqa: PLC0415 - start-up budget

        if self.jobs < 0:
            raise UsageError(f"invalid --jobs {self.jobs}", hint="give a number, or 0 for no limit")
        return RunPolicy(
            jobs=self.jobs,
            keep_going=self.keep_going,
            timeout_s=_seconds("--timeout", self.timeout),
            stall_s=_seconds("--stall-timeout", self.stall_timeout),
            emulation=emulation(self.emulation),
            speculate=self.speculate,
        )


def emulation(word: str) -> "Emulation":
    """Return what ``--emulation`` says.

    Raises:
        UsageError: There is no such way.
    """
    from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget
    from bakex.model.running import Emulation  # noqa: PLC0415 - start-up budget

    try:
        return Emulation(word)
    except ValueError:
        raise UsageError(
            f"invalid --emulation {word!r}", hint=f"use {', '.join(Emulation)}"
        ) from None


def _seconds(option: str, text: str) -> float:
    from bakex._util.units import parse_duration  # noqa: PLC0415 - start-up budget
    from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

    try:
        return parse_duration(text) if text else 0.0
    except ValueError:
        raise UsageError(
            f"{option}: invalid duration {text!r}", hint="write a duration such as 90s or 1h30m"
        ) from None

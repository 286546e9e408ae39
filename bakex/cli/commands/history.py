"""`bakex history`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

if TYPE_CHECKING:
    from bakex.cli.histories import Job

app = plain()

_REF = "A build, or the beginning of its identity; the newest one if not given."
Ref = Annotated[str, typer.Argument(metavar="[REF]", help=_REF)]


@app.callback()
def history() -> None:
    """Show and forget builds that ran on a builder's nodes, whoever started them."""


def _answer(context: typer.Context, job: "Job", builder: str, debug: bool) -> None:
    from bakex.cli.keeping import run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, builder, job))


@app.command("ls")
def ls(
    context: typer.Context,
    *,
    builder: o.Builder = "",
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """List the builds, newest first."""
    from bakex.cli.histories import listed  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    _answer(context, listed(as_json=as_json(format_)), builder, debug)


@app.command()
def logs(
    context: typer.Context, ref: Ref = "", *, builder: o.Builder = "", debug: o.Debug = False
) -> None:
    """Show what a build has said; follows one that still runs."""
    from bakex.cli.histories import logged  # noqa: PLC0415 - not for --help

    _answer(context, logged(ref), builder, debug)


@app.command()
def inspect(
    context: typer.Context,
    ref: Ref = "",
    *,
    builder: o.Builder = "",
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Show all that is known about a build."""
    from bakex.cli.histories import inspected  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    _answer(context, inspected(ref, as_json=as_json(format_)), builder, debug)


@app.command()
def export(
    context: typer.Context,
    ref: Ref = "",
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The archive; is replaced.")
    ],
    builder: o.Builder = "",
    debug: o.Debug = False,
) -> None:
    """Write a build's record, logs and attestations as an OCI archive."""
    from bakex.cli.histories import exported  # noqa: PLC0415 - not for --help

    _answer(context, exported(ref, output), builder, debug)


@app.command()
def rm(
    context: typer.Context,
    refs: Annotated[o.Texts, typer.Argument(metavar="[REF]...", help="The builds.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All builds that have ended.")] = False,
    builder: o.Builder = "",
    debug: o.Debug = False,
) -> None:
    """Forget builds, with their logs and attestations; results stay in the cache."""
    from bakex.cli.histories import forgotten  # noqa: PLC0415 - not for --help

    _answer(context, forgotten(refs or (), everything=everything), builder, debug)

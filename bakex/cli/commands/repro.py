"""`bakex repro`."""

from pathlib import Path
from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.selection import Selection, begin, select

app = plain()

_EXAMPLES = """Examples:

\b
  bakex repro app
  SOURCE_DATE_EPOCH=0 bakex repro -o type=image,rewrite-timestamp=true app
  bakex repro --builder a,b --nodes a,b --keep /tmp/both app

Exits with 0 if all results are equal, and with 7 if one differs.
"""


@app.command("repro", epilog=_EXAMPLES)
@taking("selection", Selection)
def repro(
    context: typer.Context,
    *,
    selection: Selection,
    nodes: Annotated[
        str,
        typer.Option(
            "--nodes",
            metavar="NODE[,NODE]",
            help="Where to build the first and the second time; chosen by itself if not given.",
        ),
    ] = "",
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Keep both results there, as OCI layouts."),
    ] = None,
    max_files: o.MaxFiles = 20,
    allow: o.Allow = None,
    progress: o.Progress = "",
) -> None:
    """Build targets twice, and show what differs.

    The second build uses no cache, and another node where there is one. Nothing is pushed or
    loaded, and nothing is written besides what --keep asks for.
    """
    run = invocation(context.obj)
    settings = begin(run, selection)
    from bakex.cli.reproducing import ReproOptions, reproduce  # noqa: PLC0415 - not for --help

    options = ReproOptions(
        progress=progress,
        builder=selection.builder,
        nodes=nodes,
        keep=keep,
        files=max_files,
        allow=allow or (),
        overrides=selection.overrides(),
    )
    reproduce(run, settings, select(run, settings, selection), options)

"""`bakex plan`."""

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.running import emulation as emulation_of
from bakex.cli.selection import Selection, begin, select, warn
from bakex.cli.streams import put

app = plain()


@app.command("plan")
@taking("selection", Selection)
def plan(
    context: typer.Context, *, selection: Selection, emulation: o.Emulation = "fallback"
) -> None:
    """Show what bake would do, and where."""
    run, wanted = invocation(context.obj), emulation_of(emulation)
    settings = begin(run, selection)
    from bakex.cli.planning import show  # noqa: PLC0415 - not for --help

    resolution = select(run, settings, selection)
    warn(run, resolution.warnings)
    put(show(run, settings, resolution, builder=selection.builder, emulation=wanted))

"""`bakex plan`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.selection import Selection, select, warn
from bakex.cli.streams import put

app = plain()


@app.command("plan")
def plan(
    context: typer.Context,
    *,
    targets: o.Targets = None,
    files: o.Files = None,
    sets: o.Sets = None,
    variables: o.Variables = None,
    push: o.Push = None,
    load: o.Load = None,
    platform: o.Platforms = None,
    output: o.Outputs = None,
    no_cache: o.NoCache = None,
    pull: o.Pull = None,
    provenance: o.Provenance = "",
    sbom: o.Sbom = "",
    builder: o.Builder = "",
    format_: Annotated[
        str, typer.Option("--format", metavar="text|json", help="For people or for programs.")
    ] = "text",
    debug: o.Debug = False,
) -> None:
    """Show what bake would do, and where."""
    run = invocation(context.obj)
    run.debug |= debug
    settings = run.backend.settings()
    selection = Selection(
        files=files,
        targets=targets,
        set=sets,
        variables=variables,
        platform=platform,
        output=output,
        push=push,
        load=load,
        no_cache=no_cache,
        pull=pull,
        provenance=provenance,
        sbom=sbom,
    )
    from bakex.cli.planning import show  # noqa: PLC0415 - not for --help

    resolution = select(selection, run.backend, settings)
    warn(resolution)
    put(show(run.backend, settings, resolution, builder=builder, format_=format_))

"""`bakex prune`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("prune")
def prune(
    context: typer.Context,
    *,
    filters: Annotated[
        o.Texts,
        typer.Option(
            "--filter", metavar="KEY=VALUE", help="Only what fits, such as until=24h; repeatable."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="Also frontends and internal results.")
    ] = False,
    reserved: Annotated[
        str,
        typer.Option(
            "--keep-storage", "--reserved-space", metavar="SIZE", help="How much may stay."
        ),
    ] = "",
    max_used: Annotated[
        str, typer.Option("--max-used-space", metavar="SIZE", help="How much may be used at most.")
    ] = "",
    min_free: Annotated[
        str, typer.Option("--min-free-space", metavar="SIZE", help="How much disk is to be free.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask.")] = False,
    builder: o.Builder = "",
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Remove from the caches of a builder's nodes what no build is using."""
    from bakex.cli import keeping  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    as_json = keeping.as_json(format_)
    wanted = keeping.pruning(
        filters or (),
        everything=everything,
        reserved=reserved,
        max_used=max_used,
        min_free=min_free,
    )
    if not keeping.confirm("Remove build results that no build is using?", force=force):
        put("nothing was removed\n")
        return
    removed = keeping.Removed(as_json=as_json)
    keeping.run(call, builder, lambda upkeep: upkeep.prune(wanted, removed))
    put(removed.report())

"""`bakex du`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("du")
def du(
    context: typer.Context,
    *,
    filters: Annotated[
        o.Texts,
        typer.Option("--filter", metavar="KEY=VALUE", help="Only what fits; repeatable."),
    ] = None,
    builder: o.Builder = "",
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Show what the caches of a builder's nodes hold.

    Filters are id, parent, type, description, inuse, mutable, immutable, shared and private, or in
    BuildKit's own syntax: type==regular. A star marks what may still change.
    """
    from bakex.cli import keeping  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    as_json = keeping.as_json(format_)
    wanted, _ = keeping.filters(filters or ())
    records = keeping.run(call, builder, lambda upkeep: upkeep.usage(wanted))
    put(keeping.usage(records, as_json=as_json))

"""`bakex builder`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_CREATE = """Examples:

\b
  bakex builder create farm tcp://big:1234 ssh://me@pi --use
  bakex builder create box docker-container://buildkitd?image=moby/buildkit
"""
Check = Annotated[
    bool, typer.Option("--check/--no-check", help="Refuse a node that does not answer.")
]


@app.callback()
def builder() -> None:
    """Make, show, choose and remove builders: sets of nodes that build together.

    Builders of buildx and docker contexts are shown and used as well, and never changed.
    """


@app.command(epilog=_CREATE)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    endpoints: Annotated[
        list[str],
        typer.Argument(metavar="ENDPOINT...", help="Addresses, docker contexts or private."),
    ],
    *,
    use: Annotated[bool, typer.Option("--use", help="Use it where no builder is named.")] = False,
    check: Check = True,
    debug: o.Debug = False,
) -> None:
    """Make a builder of one or more nodes; bakex node add says more about a node."""
    from bakex.cli.builders import created  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(created(call, name, endpoints, use=use, check_nodes=check))


@app.command("ls")
def ls(context: typer.Context, *, format_: o.Format = "text", debug: o.Debug = False) -> None:
    """List all builders; nothing is connected to.

    A star marks the one that is used where none is named.
    """
    from bakex.cli.builders import listed  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(listed(call, as_json=as_json(format_)))


@app.command()
def inspect(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The one in use if none.")] = "",
    *,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Show where a builder is declared, and its nodes."""
    from bakex.cli.builders import inspected  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(inspected(call, name, as_json=as_json(format_)))


@app.command()
def use(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The builder.")] = "",
    *,
    none: Annotated[bool, typer.Option("--none", help="Use what is found, as before.")] = False,
    debug: o.Debug = False,
) -> None:
    """Choose the builder that is used where none is named.

    --builder and BAKEX_BUILDER go before it. One of a project's file is chosen for that project.
    """
    from bakex.cli.builders import used  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(used(call, name, none=none))


@app.command()
def rm(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The builders.")],
    *,
    debug: o.Debug = False,
) -> None:
    """Remove builders; their machines, containers and caches are left alone."""
    from bakex.cli.builders import removed  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(removed(call, names))

"""`bakex node`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.declaring import Properties
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.streams import put

app = plain()

Builder = Annotated[str, typer.Argument(metavar="[BUILDER]", help="The one in use if none.")]
Named = Annotated[str, typer.Argument(metavar="BUILDER", help="The builder.")]


@app.callback()
def node() -> None:
    """Show, check, add and remove the nodes of builders."""


@app.command("ls")
def ls(
    context: typer.Context,
    builder: Builder = "",
    *,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """List the nodes of a builder: what they build, and how busy they are.

    What was found within the last minute is shown again; bakex node probe always asks the nodes.
    Platforms are short: arm64 is linux/arm64.
    """
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import listed  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(listed(call, builder, as_json=as_json(format_)))


@app.command()
def probe(
    context: typer.Context,
    builder: Builder = "",
    *,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> int:
    """Ask the nodes of a builder anew.

    The exit code is 0 if all of them can be used, else 4.
    """
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import probed  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    text, code = probed(call, builder, as_json=as_json(format_))
    put(text)
    return code


@app.command()
def inspect(
    context: typer.Context,
    builder: Named,
    name: Annotated[str, typer.Argument(metavar="NODE", help="The node.")],
    *,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Show all that is known about a node."""
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help
    from bakex.cli.noding import inspected  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(inspected(call, builder, name, as_json=as_json(format_)))


@app.command()
@taking("properties", Properties)
def add(context: typer.Context, *, properties: Properties) -> None:
    """Add a node to a builder of this user."""
    from bakex.cli.noding import added  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=properties.debug)
    put(added(call, properties))


@app.command()
def rm(
    context: typer.Context,
    builder: Named,
    names: Annotated[list[str], typer.Argument(metavar="NODE...", help="The nodes.")],
    *,
    debug: o.Debug = False,
) -> None:
    """Remove nodes from a builder of this user; the machines are left alone."""
    from bakex.cli.noding import removed  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(removed(call, builder, names))

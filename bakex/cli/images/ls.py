"""`bakex image ls`."""

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("ls")
def ls(
    context: typer.Context, place: o.Place, *, insecure: o.Insecure = False, debug: o.Debug = False
) -> None:
    """List the tags of a repository, or the names in a layout."""
    from bakex.cli.imaging import listed, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, listed(place), insecure=insecure))

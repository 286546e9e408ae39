"""`bakex image inspect`."""

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("inspect")
def inspect(
    context: typer.Context, place: o.Place, *, insecure: o.Insecure = False, debug: o.Debug = False
) -> None:
    """Show the images with platforms, layers and labels, as JSON."""
    from bakex.cli.imaging import described, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, described(place), insecure=insecure))

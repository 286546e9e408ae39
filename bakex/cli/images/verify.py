"""`bakex image verify`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("verify")
def verify(
    context: typer.Context,
    place: o.Place,
    *,
    contents: Annotated[
        bool | None,
        typer.Option(
            "--contents/--no-contents",
            help="Read every layer; the default for what is on this machine.",
        ),
    ] = None,
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Check that everything below the images is there, and right."""
    from bakex.cli.imaging import run, verified  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, verified(place, contents=contents), insecure=insecure))

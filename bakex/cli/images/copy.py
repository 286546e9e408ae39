"""`bakex image copy`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("copy")
def copy_(
    context: typer.Context,
    source: o.Place,
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="A reference, or oci:PATH[:NAME].")
    ],
    *,
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Copy an image with all of its platforms; what is there already does not move."""
    from bakex.cli.imaging import copied, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, copied(source, [destination]), insecure=insecure))

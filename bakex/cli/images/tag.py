"""`bakex image tag`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("tag")
def tag(
    context: typer.Context,
    source: o.Place,
    names: Annotated[list[str], typer.Argument(metavar="REFERENCE...", help="The new names.")],
    *,
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Give an image more names, in its repository or in others."""
    from bakex.cli.imaging import copied, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, copied(source, names), insecure=insecure))

"""`bakex image rm`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("rm")
def rm(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="REFERENCE...")],
    *,
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Remove tags and nothing else; or, by digest, manifests that have no tag."""
    from bakex.cli.imaging import removed, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    put(run(call, removed(names), insecure=insecure))

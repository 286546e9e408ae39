"""`bakex logout`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_SCOPE = "Those for one repository only, or for some actions there, as given to bakex login."


@app.command("logout")
def logout(
    context: typer.Context,
    *,
    registry: Annotated[
        str, typer.Argument(metavar="[REGISTRY]", help="A host; Docker Hub if not given.")
    ] = "",
    scope: Annotated[str, typer.Option(metavar="REPOSITORY[@ACTION,...]", help=_SCOPE)] = "",
    debug: o.Debug = False,
) -> None:
    """Log out of a registry: remove the credentials that are kept for it."""
    from bakex.api.login import Place  # noqa: PLC0415 - not for --help
    from bakex.cli import accounts  # noqa: PLC0415 - not for --help

    run = invocation(context.obj, debug=debug)
    put(accounts.logout(run, Place.parse(registry, scope)))

"""`bakex engine`."""

from typing import TYPE_CHECKING

import typer

from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.options import Debug
from bakex.cli.streams import put

if TYPE_CHECKING:
    from bakex.nodes.drivers.private import PrivateEngine

app = plain()

_NOT_RUNNING = 1


@app.callback()
def engine() -> None:
    """Start, stop or remove bakex's own private engine.

    It is a buildkitd or dockerd of this user, with its own socket and data, that bakex starts by
    itself where no other BuildKit answers.
    """


def _engine(context: typer.Context, debug: bool) -> "PrivateEngine":
    run = invocation(context.obj, debug=debug)
    return run.backend.private_engine(run.backend.settings())


@app.command()
def start(context: typer.Context, debug: Debug = False) -> None:
    """Start it, and print its address."""
    from bakex.cli.interrupts import watched  # noqa: PLC0415 - not for --help

    with watched() as interrupts:
        endpoint = interrupts.run(_engine(context, debug).start)
    put(f"running: {endpoint.address}\n")


@app.command()
def status(context: typer.Context, debug: Debug = False) -> int:
    """Print whether it runs, and where it is.

    The exit code is 0 if it runs and answers, else 1.
    """
    from bakex.cli.interrupts import watched  # noqa: PLC0415 - not for --help

    with watched() as interrupts:
        found = interrupts.run(_engine(context, debug).status)
    put(f"state:   {found.state}\n")
    put(f"folder:  {found.home}\n")
    if found.endpoint is None:
        return _NOT_RUNNING
    put(f"address: {found.endpoint.address}\n")
    put(f"process: {found.pid} ({found.program})\n")
    put(f"log:     {found.log}\n")
    return 0 if found.state == "running" else _NOT_RUNNING


@app.command()
def stop(context: typer.Context, debug: Debug = False) -> None:
    """End it; its images and its cache stay."""
    from bakex.cli.interrupts import watched  # noqa: PLC0415 - not for --help

    with watched() as interrupts:
        ran = interrupts.run(_engine(context, debug).stop)
    put("stopped\n" if ran else "it was not running\n")


@app.command()
def prune(context: typer.Context, debug: Debug = False) -> None:
    """End it and remove everything that it keeps."""
    from bakex.cli.interrupts import watched  # noqa: PLC0415 - not for --help
    from bakex.progress.text import size  # noqa: PLC0415 - not for --help

    with watched() as interrupts:
        freed = interrupts.run(_engine(context, debug).prune)
    put(f"freed {size(freed)}\n")

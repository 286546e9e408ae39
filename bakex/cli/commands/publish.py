"""`bakex publish`."""

from pathlib import Path
from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex publish              the publications that were interrupted
  bakex publish RECORD       finish one of them
"""


@app.command("publish", epilog=_EXAMPLES)
def publish(
    context: typer.Context,
    *,
    record: Annotated[
        str, typer.Argument(metavar="[RECORD]", help="Its record; none to list them.")
    ] = "",
    debug: o.Debug = False,
) -> None:
    """Finish a publication that was interrupted; without a record, list them."""
    from bakex.cli.completing import finish, listed  # noqa: PLC0415 - start-up budget

    run = invocation(context.obj, debug=debug)
    settings = run.backend.settings()
    if record:
        put(finish(run.backend, settings, settings.cwd / Path(record)))
    else:
        put(listed(run.backend, settings))

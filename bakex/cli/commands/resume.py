"""`bakex resume`."""

from pathlib import Path
from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.publishing import Moving
from bakex.cli.running import Running
from bakex.cli.selection import start

app = plain()

_EXAMPLES = """Examples:

\b
  bakex bake --push --keep-going --result result.json
  bakex resume result.json
  bakex resume result.json --keep-going --result result.json
"""


@app.command("resume", epilog=_EXAMPLES)
@taking("moving", Moving)
@taking("running", Running)
def resume(
    context: typer.Context,
    record: Annotated[Path, typer.Argument(metavar="RESULT", help="The record of the run.")],
    *,
    moving: Moving,
    running: Running,
    builder: o.Builder = "",
    allow: o.Allow = None,
    progress: o.Progress = "",
    metadata_file: o.MetadataFile = "",
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Build what a failed or stopped bake has left, then publish it all.

    What to build is taken from the record, and where it ran. Images that were pushed and are still
    there are not built again. Refused if the bake files say something else by now.
    """
    run = invocation(context.obj)
    settings = start(run, format_, debug=debug)
    from bakex.cli.resuming import ResumeOptions  # noqa: PLC0415 - not for --help
    from bakex.cli.resuming import resume as carry_on  # noqa: PLC0415 - not for --help

    options = ResumeOptions(
        progress=progress,
        builder=builder,
        metadata_file=metadata_file,
        result=running.result,
        allow=allow or (),
        publishing=moving.policy(),
        running=running.policy(),
    )
    carry_on(run, settings, record, options)

"""`bakex merge`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.publishing import Moving, Verify
from bakex.cli.selection import start

app = plain()

_EXAMPLES = """Examples:

\b
  bakex bake --push --shard platform=linux/amd64 --result amd64.json
  bakex bake --push --shard platform=linux/arm64 --result arm64.json
  bakex merge amd64.json arm64.json
"""


@app.command("merge", epilog=_EXAMPLES)
@taking("moving", Moving)
def merge(
    context: typer.Context,
    records: Annotated[
        list[str], typer.Argument(metavar="RESULT...", help="The records of all shards.")
    ],
    *,
    moving: Moving,
    verify: Verify = "",
    metadata_file: o.MetadataFile = "",
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Publish what bakex bake --shard has built on several machines.

    Reads the bake files again. The shards must be of the same definition and commit, and complete;
    then all is checked, and the tags move once.
    """
    run = invocation(context.obj)
    settings = start(run, format_, debug=debug)
    from bakex.cli.merging import merge as publish  # noqa: PLC0415 - not for --help

    publish(run, settings, records, policy=moving.policy(verify), metadata_file=metadata_file)

"""`bakex schema`."""

from typing import Annotated

import typer

from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex schema > bake.schema.json
"""


@app.command("schema", epilog=_EXAMPLES)
def schema(
    *,
    format_: Annotated[
        str, typer.Option("--format", metavar="json", help="The only one that there is.")
    ] = "json",
) -> None:
    """Show the JSON Schema of bake files, for editors.

    It describes the JSON and the YAML form; the native form has no such thing.
    """
    from bakex.bake.schema import text  # noqa: PLC0415 - not for --help
    from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

    if format_ != "json":
        raise UsageError(f"invalid format {format_!r}", hint="use --format json")
    put(text())

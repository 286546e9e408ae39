"""`bakex schema`."""

from typing import Annotated

import typer

from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex schema > bake.schema.json
  bakex schema builders > builders.schema.json
  bakex schema result > result.schema.json
"""


@app.command("schema", epilog=_EXAMPLES)
def schema(
    kind: Annotated[
        str, typer.Argument(metavar="[bake|builders|result]", help="Of which files.")
    ] = "bake",
    *,
    format_: Annotated[
        str, typer.Option("--format", metavar="json", help="The only one that there is.")
    ] = "json",
) -> None:
    """Show the JSON Schema of bake files, of files with builders, or of the result of a bake.

    That of bake files describes the JSON and the YAML form; the native form has no such thing.
    """
    from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

    if format_ != "json":
        raise UsageError(f"invalid format {format_!r}", hint="use --format json")
    if kind == "bake":
        from bakex.bake.schema import text  # noqa: PLC0415 - not for --help

        put(text())
    elif kind == "builders":
        from bakex.nodes.declared import schema as builders  # noqa: PLC0415 - not for --help

        put(builders())
    elif kind == "result":
        from bakex.model.outcome_schema import text as result  # noqa: PLC0415 - not for --help

        put(result())
    else:
        raise UsageError(f"there is no schema of {kind!r}", hint="write bake, builders or result")

"""`bakex image diff`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex image diff ghcr.io/acme/app:1.4.0 ghcr.io/acme/app:1.4.1
  bakex image diff dist/a.tar oci:dist/layout:app
  bakex image diff --format json --max-files 0 app:1 app:2

Exits with 0 if there is no difference, and with 7 if there is one.
"""


@app.command("diff", epilog=_EXAMPLES)
def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help=o.PLACE)],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, likewise.")],
    *,
    max_files: o.MaxFiles = 20,
    attestations: Annotated[
        bool, typer.Option("--attestations", help="Compare provenance and SBOMs, too.")
    ] = False,
    insecure: o.Insecure = False,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Show how two images differ: platforms, configs, layers, files."""
    from bakex.cli import comparing  # noqa: PLC0415 - not for --help
    from bakex.cli.imaging import run  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    json = as_json(format_)
    most = comparing.files_to_tell(max_files)
    job = comparing.compared(a, b, files=most, attestations=attestations)
    found = run(call, job, insecure=insecure)
    put(comparing.answer(found, as_json=json))
    if not found.is_equal:
        raise typer.Exit(comparing.DIFFERENT)

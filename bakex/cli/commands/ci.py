"""`bakex ci`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.selection import Selection, begin, select, warn
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex ci matrix --format github
  bakex ci matrix --format github --runner linux/arm64=ubuntu-24.04-arm
  bakex ci matrix --format gitlab --by target
"""


@app.callback()
def ci() -> None:
    """Spread a bake over the jobs of a CI system."""


@app.command("matrix", epilog=_EXAMPLES)
def matrix(
    context: typer.Context,
    targets: o.Targets = None,
    *,
    format_: Annotated[
        str, typer.Option("--format", metavar="github|gitlab", help="For which CI system.")
    ] = "github",
    by: Annotated[
        str,
        typer.Option(
            metavar="platform|target",
            help="A job for each platform, to be merged, or for each target, by itself.",
        ),
    ] = "platform",
    runner: Annotated[
        list[str] | None,
        typer.Option(metavar="PLATFORM=LABEL", help="Where a platform's job runs; repeatable."),
    ] = None,
    default_runner: Annotated[
        str, typer.Option(metavar="LABEL", help="Where the other jobs run.")
    ] = "",
    files: o.Files = None,
    sets: o.Sets = None,
    variables: o.Variables = None,
    env_files: o.EnvFiles = None,
    platform: o.Platforms = None,
    debug: o.Debug = False,
) -> None:
    """Show the matrix of the jobs that bake the targets in parts."""
    run = invocation(context.obj)
    selection = Selection(
        targets=targets,
        files=files,
        sets=sets,
        variables=variables,
        env_files=env_files,
        platform=platform,
        debug=debug,
    )
    settings = begin(run, selection)
    from bakex.cli.matrix import matrix as made  # noqa: PLC0415 - not for --help

    resolution = select(run, settings, selection)
    warn(run, resolution.warnings)
    put(made(resolution, format_=format_, by=by, runners=runner or (), default=default_runner))

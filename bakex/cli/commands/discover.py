"""`bakex discover`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()


@app.command("discover")
def discover(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(metavar="IMAGE", help="A reference, or oci:PATH[:NAME]."),
    ],
    *,
    artifact_type: Annotated[
        str, typer.Option(metavar="TYPE", help="Artifacts of this type only.")
    ] = "",
    platform: Annotated[
        str, typer.Option(metavar="OS/ARCH", help="Those of this image of an index.")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", metavar="text|json", help="A tree, or JSON for programs.")
    ] = "text",
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """List the artifacts that refer to an image, and those that refer to them."""
    from bakex.cli.artifacts import discovered, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    job = discovered(place, artifact_type=artifact_type, platform=platform, form=form)
    put(run(call, job, insecure=insecure))

"""`bakex pull`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex pull r.example/app@sha256:... -o reports
  bakex pull r.example/app:1 --artifact-type application/spdx+json

Images are copied with bakex image copy.
"""


@app.command("pull", epilog=_EXAMPLES)
def pull(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(
            metavar="ARTIFACT", help="A reference, or oci:PATH[:NAME]; see --artifact-type."
        ),
    ],
    *,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Where the files go.")
    ] = ".",
    artifact_type: Annotated[
        str,
        typer.Option(metavar="TYPE", help="The artifact of this type that refers to that image."),
    ] = "",
    platform: Annotated[
        str, typer.Option(metavar="OS/ARCH", help="What refers to this image of an index.")
    ] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there and are others.")
    ] = False,
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Fetch the files of an artifact, such as an SBOM that is attached to an image."""
    from bakex.cli.artifacts import pulled, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    job = pulled(
        place,
        output=output,
        artifact_type=artifact_type,
        platform=platform,
        overwrite=overwrite,
    )
    put(run(call, job, insecure=insecure))

"""`bakex attach`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex attach r.example/app:1 sbom.json:application/spdx+json \\
      --artifact-type application/spdx+json
  bakex attach oci:build:1 reports --artifact-type application/vnd.example.tests \\
      --platform linux/arm64 --annotation suite=smoke

What is attached is found by bakex discover and by oras; bakex pull fetches it.
"""


@app.command("attach", epilog=_EXAMPLES)
def attach(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(metavar="IMAGE", help="A reference, or oci:PATH[:NAME]."),
    ],
    *,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE[:MEDIATYPE]]...", help="Files and directories."),
    ] = None,
    artifact_type: Annotated[
        str, typer.Option(metavar="TYPE", help="What it is, as a media type; required.")
    ] = "",
    annotations: Annotated[
        list[str] | None,
        typer.Option(
            "--annotation", "-a", metavar="KEY=VALUE", help="Said about all of it; repeatable."
        ),
    ] = None,
    annotation_file: Annotated[
        str,
        typer.Option(metavar="FILE", help="JSON with annotations for files, and for $manifest."),
    ] = "",
    platform: Annotated[
        str,
        typer.Option(metavar="OS/ARCH", help="Refer to this image of an index, not to the index."),
    ] = "",
    insecure: o.Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Keep files beside an image, as an artifact that refers to it.

    The same files give the same digest: attaching them again changes nothing.
    """
    from bakex.cli.artifacts import attached, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    job = attached(
        place,
        files or (),
        artifact_type=artifact_type,
        annotations=annotations or (),
        annotation_file=annotation_file,
        platform=platform,
    )
    put(run(call, job, insecure=insecure))

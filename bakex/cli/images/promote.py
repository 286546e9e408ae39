"""`bakex image promote`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.publishing import Moving
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex image promote ghcr.io/acme/app:rc ghcr.io/acme/app:1.2.0 ghcr.io/acme/app:latest
  bakex image promote test.example/app:rc live.example/app:1.2.0 --from sha256:...
  bakex image promote oci:dist:app ghcr.io/acme/app:1.2.0 --immutable-tags '1.*'
"""


@app.command("promote", epilog=_EXAMPLES)
@taking("moving", Moving)
def promote(
    context: typer.Context,
    source: o.Place,
    destinations: Annotated[
        list[str], typer.Argument(metavar="DESTINATION...", help="Tags, in any registries.")
    ],
    *,
    moving: Moving,
    origin: Annotated[
        str, typer.Option("--from", metavar="DIGEST", help="Only if the source stands for that.")
    ] = "",
    referrers: Annotated[
        bool,
        typer.Option(
            "--with-referrers/--no-referrers", help="Take signatures, SBOMs and the like along."
        ),
    ] = True,
    insecure: o.Insecure = False,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Give an image tags, anywhere, with all that belongs to it: all move or none."""
    from bakex.cli import promoting  # noqa: PLC0415 - not for --help
    from bakex.cli.imaging import run  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    job = promoting.promoted(
        source,
        destinations,
        wanted=promoting.origin(origin),
        referrers=referrers,
        policy=moving.policy(),
        as_json=as_json(format_),
    )
    put(run(call, job, insecure=insecure))

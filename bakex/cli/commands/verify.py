"""`bakex verify`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex verify ghcr.io/acme/app:1.4.0
  bakex verify --mode full --platform linux/arm/v6 oci:dist/layout
  bakex verify --device raspberry-pi-zero oci-archive:dist/app.tar
  bakex verify --allow '/opt/firmware/*' --format json app:1

Exits with 0 if all files fit, and with 8 if one does not. That all of an image
is there, and is what its digests say, is what bakex image verify checks.
"""


@app.command("verify", epilog=_EXAMPLES)
def verify(
    context: typer.Context,
    place: o.Place,
    *,
    mode: Annotated[
        str,
        typer.Option(
            metavar="entrypoint|bin|full",
            help="Look at what the image starts, at the usual folders as well, or at all files.",
        ),
    ] = "bin",
    allow: Annotated[
        o.Texts,
        typer.Option(metavar="PATTERN", help="Files that may be as they are; repeatable."),
    ] = None,
    platforms: Annotated[
        o.Texts,
        typer.Option("--platform", metavar="PLATFORM", help="Only this image; repeatable."),
    ] = None,
    device: Annotated[
        str,
        typer.Option(metavar="NAME", help="Only for this device, such as raspberry-pi-4."),
    ] = "",
    insecure: o.Insecure = False,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Check that the files of images can run on the platforms that their manifests say.

    Looks at processors, ABIs, dynamic linkers, libraries and the interpreters of scripts.
    """
    from bakex.cli import verifying  # noqa: PLC0415 - not for --help
    from bakex.cli.imaging import run  # noqa: PLC0415 - not for --help
    from bakex.cli.keeping import as_json  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    json = as_json(format_)
    choice = verifying.choice(call, mode, allow or (), platforms or (), device)
    found = run(call, verifying.verified(call, place, choice), insecure=insecure)
    put(verifying.answer(found, as_json=json))
    if not verifying.is_good(found):
        raise typer.Exit(verifying.UNFIT)

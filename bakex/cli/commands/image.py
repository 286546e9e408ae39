"""`bakex image`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.streams import put

app = plain()

_PLACE = "A reference, the path of an OCI layout or archive, or oci:PATH[:NAME]."
Place = Annotated[str, typer.Argument(metavar="PLACE", help=_PLACE)]
Insecure = Annotated[bool, typer.Option("--insecure", help="Allow plain HTTP and unverified TLS.")]


@app.callback()
def image() -> None:
    """Look at, check, copy, tag and remove images in registries and OCI layouts.

    Indexes of several platforms stay whole.
    """


@app.command()
def verify(
    context: typer.Context,
    place: Place,
    *,
    contents: Annotated[
        bool | None,
        typer.Option(
            "--contents/--no-contents",
            help="Read every layer; the default for what is on this machine.",
        ),
    ] = None,
    insecure: Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Check that everything below the images is there, and right."""
    from bakex.cli.imaging import run, verified  # noqa: PLC0415 - not for --help

    call = invocation(context.obj)
    call.debug |= debug
    put(run(call, verified(place, contents=contents), insecure=insecure))


@app.command()
def inspect(
    context: typer.Context, place: Place, *, insecure: Insecure = False, debug: o.Debug = False
) -> None:
    """Show the images with platforms, layers and labels, as JSON."""
    from bakex.cli.imaging import described, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj)
    call.debug |= debug
    put(run(call, described(place), insecure=insecure))


@app.command("copy")
def copy_(
    context: typer.Context,
    source: Place,
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="A reference, or oci:PATH[:NAME].")
    ],
    *,
    insecure: Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Copy an image with all of its platforms; what is there already does not move."""
    from bakex.cli.imaging import copied, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj)
    call.debug |= debug
    put(run(call, copied(source, [destination]), insecure=insecure))


@app.command()
def tag(
    context: typer.Context,
    source: Place,
    names: Annotated[list[str], typer.Argument(metavar="REFERENCE...", help="The new names.")],
    *,
    insecure: Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Give an image more names, in its repository or in others."""
    from bakex.cli.imaging import copied, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj)
    call.debug |= debug
    put(run(call, copied(source, names), insecure=insecure))


@app.command()
def ls(
    context: typer.Context, place: Place, *, insecure: Insecure = False, debug: o.Debug = False
) -> None:
    """List the tags of a repository, or the names in a layout."""
    from bakex.cli.imaging import listed, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj)
    call.debug |= debug
    put(run(call, listed(place), insecure=insecure))


@app.command()
def rm(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="REFERENCE...")],
    *,
    insecure: Insecure = False,
    debug: o.Debug = False,
) -> None:
    """Remove tags and nothing else; or, by digest, manifests that have no tag."""
    from bakex.cli.imaging import removed, run  # noqa: PLC0415 - not for --help

    call = invocation(context.obj)
    call.debug |= debug
    put(run(call, removed(names), insecure=insecure))

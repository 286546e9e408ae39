"""`bakex bake`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.selection import Selection, select, warn
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex bake                                   the target or group 'default'
  bakex bake --print app                       what the file means, as JSON
  bakex bake --push app db                     build for all platforms, then push
  bakex bake --platform linux/arm64 --load app
  bakex bake -o type=oci,dest=app.tar app      an OCI archive, no registry needed
  bakex bake -f - --set '*.args.V=2' < docker-bake.hcl
"""


@app.command("bake", epilog=_EXAMPLES)
def bake(
    context: typer.Context,
    *,
    targets: o.Targets = None,
    files: o.Files = None,
    sets: o.Sets = None,
    variables: o.Variables = None,
    print_: Annotated[
        bool, typer.Option("--print", help="Show the resolved targets as JSON; build nothing.")
    ] = False,
    list_: Annotated[
        str,
        typer.Option(
            "--list",
            metavar="targets|variables",
            help="List what the file has; build nothing. Also type=...,format=json.",
        ),
    ] = "",
    push: o.Push = None,
    load: o.Load = None,
    platform: o.Platforms = None,
    output: o.Outputs = None,
    no_cache: o.NoCache = None,
    pull: o.Pull = None,
    provenance: o.Provenance = "",
    sbom: o.Sbom = "",
    allow: Annotated[
        o.Texts,
        typer.Option("--allow", metavar="ENTITLEMENT", help="Grant a privilege; repeatable."),
    ] = None,
    builder: o.Builder = "",
    progress: Annotated[
        str,
        typer.Option(metavar="MODE", help="auto, tty, plain, quiet or rawjson; on standard error."),
    ] = "",
    metadata_file: Annotated[
        str, typer.Option(metavar="FILE", help="Write what was built and pushed there, as JSON.")
    ] = "",
    debug: o.Debug = False,
) -> None:
    """Build the targets of a bake file."""
    run = invocation(context.obj)
    run.debug |= debug
    settings = run.backend.settings()
    if list_:
        from bakex.bake.listing import Listing, text  # noqa: PLC0415 - only for --list
        from bakex.errors import UsageError  # noqa: PLC0415

        if print_:
            raise UsageError("--print and --list exclude each other", hint="use one of them")
        wanted = Listing.parse(list_)
        definition = run.backend.read(settings, files=files or (), variables=variables or ())
        put(text(definition, wanted))
        return
    selection = Selection(
        files=files,
        targets=targets,
        set=sets,
        variables=variables,
        platform=platform,
        output=output,
        push=push,
        load=load,
        no_cache=no_cache,
        pull=pull,
        provenance=provenance,
        sbom=sbom,
    )
    resolution = select(selection, run.backend, settings)
    if print_:
        from bakex.bake import show  # noqa: PLC0415 - only for --print

        warn(resolution)
        put(show.text(resolution))
        return
    from bakex.cli.building import BuildOptions, build  # noqa: PLC0415 - not for --print

    build(
        run.backend,
        settings,
        resolution,
        BuildOptions(
            progress=progress, builder=builder, metadata_file=metadata_file, allow=allow or ()
        ),
    )

"""`bakex bake`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.publishing import Publishing
from bakex.cli.running import Running
from bakex.cli.selection import Selection, begin, select, selecting, warn
from bakex.cli.streams import put

app = plain()

_EXAMPLES = """Examples:

\b
  bakex bake                               the target or group 'default'
  bakex bake --print app                   what the file means, as JSON
  bakex bake --push app db                 build for all platforms, then push
  bakex bake --platform linux/arm64 --load app
  bakex bake -o type=oci,dest=app.tar app  an archive, no registry needed
  bakex bake -f - --set '*.args.V=2' < docker-bake.hcl
"""


@app.command("bake", epilog=_EXAMPLES)
@taking("selection", Selection)
@taking("publishing", Publishing)
@taking("running", Running)
def bake(
    context: typer.Context,
    *,
    selection: Selection,
    publishing: Publishing,
    running: Running,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="platform=OS/ARCH[,...]",
            help="Build these platforms only and push by digest; bakex merge publishes all.",
        ),
    ] = "",
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
    list_targets: Annotated[bool, typer.Option("--list-targets", hidden=True)] = False,
    list_variables: Annotated[bool, typer.Option("--list-variables", hidden=True)] = False,
    allow: o.Allow = None,
    progress: o.Progress = "",
    metadata_file: o.MetadataFile = "",
) -> None:
    """Build the targets of a bake file."""
    run = invocation(context.obj)
    settings = begin(run, selection)
    if list_ or list_targets or list_variables:
        from bakex.cli import listing  # noqa: PLC0415 - only for --list
        from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

        if print_:
            raise UsageError("--print and --list exclude each other", hint="use one of them")
        kind = listing.wanted(list_, targets=list_targets, variables=list_variables)
        listing.show(run, settings, selection, kind)
        return
    if allow:
        from bakex.bake.entitlements import Grant  # noqa: PLC0415 - only for --allow

        Grant.parse(allow)  # a mistake in it is one for --print, too
    resolution = select(run, settings, selection, check=print_)
    if print_:
        from bakex.bake import show  # noqa: PLC0415 - only for --print

        warn(run, resolution.warnings)
        put(show.text(resolution))
        return
    from bakex.cli.building import BuildOptions, build  # noqa: PLC0415 - not for --print
    from bakex.cli.sharding import recording  # noqa: PLC0415 - not for --print

    whole, policy = resolution, publishing.policy()
    resolution, kept = recording(whole, selecting(selection), policy, shard, running.result)
    options = BuildOptions(
        progress=progress,
        builder=selection.builder,
        metadata_file=metadata_file,
        allow=allow or (),
        overrides=selection.overrides(),
        call="check" if selection.check else selection.call,
        policy=policy,
        running=running.policy(),
        recording=kept,
    )
    build(run, settings, resolution, options)

"""`bakex platform`."""

from typing import Annotated

import typer

from bakex.cli import options as o
from bakex.cli.backend import invocation
from bakex.cli.emulating import Answer, Where
from bakex.cli.lazy import plain
from bakex.cli.parameters import taking
from bakex.cli.streams import put

app = plain()

Platforms = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PLATFORM,...]", help="arm64, linux/arm/v7, riscv64, ..."),
]


@app.callback()
def platform() -> None:
    """Show what is known about processors and devices and what runs where, and set up emulation.

    Files in ~/.config/bakex/platforms add to it or change it; see docs/platforms.md.
    """


@app.command("ls")
@taking("answer", Answer)
def ls(context: typer.Context, *, answer: Answer) -> None:
    """List the platforms, and how this machine, or a node, runs the programs of each.

    native: its own; compatible: the processor usually runs it, too; emulated: by the interpreter
    that the kernel has been told of; missing: not at all.
    """
    from bakex.cli import emulating  # noqa: PLC0415 - not for --help

    put(emulating.listing(invocation(context.obj), answer))


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="linux/arm/v7, armhf, aarch64-linux-musl, raspberry-pi-4, ..."),
    ],
    *,
    format_: o.Format = "text",
    debug: o.Debug = False,
) -> None:
    """Show all that is known about a platform or a device, by any of its names."""
    from bakex.cli import keeping, platforms  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    as_json = keeping.as_json(format_)
    known = call.backend.platforms(call.backend.settings()).catalogue
    put(platforms.description(platforms.find(known, name), as_json=as_json))


@app.command("devices")
def devices(context: typer.Context, *, format_: o.Format = "text", debug: o.Debug = False) -> None:
    """List the devices, such as boards and network storage, with the options of GCC for them."""
    from bakex.cli import keeping, platforms  # noqa: PLC0415 - not for --help

    call = invocation(context.obj, debug=debug)
    as_json = keeping.as_json(format_)
    known = call.backend.platforms(call.backend.settings()).catalogue
    put(platforms.devices(known, as_json=as_json))


@app.command("install")
@taking("where", Where)
def install(
    context: typer.Context,
    platforms: Annotated[list[str], typer.Argument(metavar="PLATFORM,...", help="Which.")],
    *,
    where: Where,
    image: Annotated[
        str, typer.Option("--image", help="Has QEMU's programs; for docker daemons.")
    ] = "",
) -> None:
    """Have this machine's kernel, or a node's, run platforms with QEMU; asks before it does.

    Here it takes root. On a node it takes a docker daemon that runs privileged containers; QEMU is
    taken from this machine unless an image is named. A reboot forgets it.
    """
    from bakex.cli import emulating  # noqa: PLC0415 - not for --help

    put(emulating.install(invocation(context.obj), platforms, where, image))


@app.command("uninstall")
@taking("where", Where)
def uninstall(context: typer.Context, platforms: Platforms = None, *, where: Where) -> None:
    """Undo exactly what install has done; for all platforms if none is named."""
    from bakex.cli import emulating  # noqa: PLC0415 - not for --help

    put(emulating.uninstall(invocation(context.obj), platforms or [], where))


@app.command("test")
@taking("answer", Answer)
def try_(context: typer.Context, platforms: Platforms = None, *, answer: Answer) -> int:
    """Run a small program of each platform on a builder's nodes, and time it; 1 if one fails."""
    from bakex.cli import emulating  # noqa: PLC0415 - not for --help

    text, code = emulating.tried(invocation(context.obj), platforms or [], answer)
    put(text)
    return code

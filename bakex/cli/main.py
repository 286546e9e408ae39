"""The `bakex` command: fast paths, dispatch, and turning failures into words and exit codes."""

from __future__ import annotations

import gc
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.cli.backend import Installed, Invocation
from bakex.cli.ending import end
from bakex.cli.streams import prepare, put, say, settle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.cli.seam import Backend

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "bake": "Build the targets of a bake file.",
        "resume": "Build what a stopped bake has left, and publish it all.",
        "merge": "Publish what bakex bake --shard has built on several machines.",
        "ci": "Spread a bake over the jobs of a CI system.",
        "plan": "Show what bake would do, and where.",
        "schema": "Show the JSON Schema of bake files, builders and results.",
        "image": "Check, show, compare, copy, tag and remove images.",
        "verify": "Check that the files of images can run on their platforms.",
        "attach": "Keep files beside an image: SBOMs, signatures, results.",
        "discover": "List what is attached to an image.",
        "pull": "Fetch what is attached to an image.",
        "repro": "Build targets twice, and show what differs.",
        "login": "Log in to a registry.",
        "logout": "Log out of a registry.",
        "publish": "Finish a publication that was interrupted.",
        "du": "Show what the builder's cache holds.",
        "prune": "Remove what the builder's cache holds.",
        "history": "Show builds that ran on the builder, and forget them.",
        "builder": "Make, show, choose and remove builders.",
        "node": "Show, check, add and remove the nodes of builders.",
        "platform": "Show platforms and devices, and what runs here.",
        "engine": "Start, stop or remove bakex's own private engine.",
        "version": "Show the version, and what it runs on.",
    }
)

_INTERRUPTED = 130  # 128 + SIGINT
_BROKEN_PIPE = 141  # 128 + SIGPIPE: what a program that does not handle it ends with


def entry(argv: Sequence[str] | None = None, *, backend: Backend | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: Arguments without the program's name; those of this process if None.
        backend: What commands call; the real one if None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    prepare()
    # Nothing that start-up and the reading of a file make is garbage: looking for it costs 5 %.
    # What takes longer than that, runs in an event loop, which turns it on again.
    collecting = gc.isenabled()
    gc.disable()
    invocation = Invocation(backend or Installed())
    try:
        code = _run(arguments, invocation)
    except BrokenPipeError:
        code = _BROKEN_PIPE
    except KeyboardInterrupt:  # before or after a run; during one, `interrupts` handles signals
        say("interrupted")
        code = _INTERRUPTED
    finally:
        if collecting:
            gc.enable()
    settle()
    return code


def program() -> int:
    """Run the command line of this process, and end the process if that is safe.

    Taking the interpreter apart, object by object, costs up to a tenth of a small bake, and
    nothing is won by it: see `bakex.cli.ending`.
    """
    # To turn it on again, only to end, would have it look through everything once (5 %).
    gc.disable()
    code = entry()
    end(code)
    return code


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    try:
        if arguments in (["--version"], ["-V"]):
            from bakex._version import __version__  # noqa: PLC0415 - start-up budget

            put(f"bakex {__version__}\n")
            return 0
        from bakex.cli.lazy import run  # noqa: PLC0415 - start-up budget
        from bakex.cli.options import spelled, wants_json  # noqa: PLC0415 - start-up budget

        invocation.as_json = wants_json(arguments)
        code = run(COMMANDS, spelled(arguments) or ["--help"], invocation)
        put("")
        if invocation.findings:
            from bakex.cli.failures import as_json  # noqa: PLC0415 - start-up budget

            say(as_json(invocation.findings))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where all failures end
        return _failed(error, invocation)
    return code


def _failed(error: Exception, invocation: Invocation) -> int:
    from bakex.cli.failures import explain  # noqa: PLC0415 - start-up budget
    from bakex.cli.stop import StoppedError  # noqa: PLC0415 - start-up budget

    if isinstance(error, StoppedError):
        say("\n".join(filter(None, ["interrupted", invocation.last_line])))
        return error.exit_code
    if invocation.as_json:
        from bakex.cli.failures import as_json, expected  # noqa: PLC0415 - start-up budget

        known = expected(error)
        say(as_json([*invocation.findings, *known.diagnostics()]))
        return known.exit_code
    text, code = explain(error, debug=invocation.debug, colour=_colours(invocation))
    say("\n\n".join(filter(None, [text, invocation.last_line])))
    return code


def _colours(invocation: Invocation) -> bool:
    if not sys.stderr.isatty():
        return False
    environ = invocation.backend.settings().environ
    return environ.get("TERM", "dumb") != "dumb" and not environ.get("NO_COLOR")

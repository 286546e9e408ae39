"""Options that several commands have, each declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

Texts = list[str] | None

Targets = Annotated[
    Texts,
    typer.Argument(
        metavar="[URL [URL]] [TARGET]...", help="Targets and groups; 'default' if none."
    ),
]
Files = Annotated[
    Texts,
    typer.Option(
        "--file", "-f", metavar="FILE", help="Bake file, '-' for standard input; repeatable."
    ),
]
Sets = Annotated[
    Texts,
    typer.Option(
        "--set", metavar="TARGET.KEY=VALUE", help="Override a target's attribute; repeatable."
    ),
]
Variables = Annotated[
    Texts, typer.Option("--var", metavar="NAME=VALUE", help="Set a variable; repeatable.")
]
EnvFiles = Annotated[
    Texts,
    typer.Option(
        "--env-file",
        metavar="FILE",
        help="Values of variables that the environment does not set; repeatable.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse what only bakex understands in bake files.")
]
Push = Annotated[
    bool | None,
    typer.Option("--push/--no-push", help="Push the results to the registries of their tags."),
]
Load = Annotated[
    bool | None, typer.Option("--load/--no-load", help="Load the results into docker.")
]
Platforms = Annotated[
    Texts,
    typer.Option(
        "--platform",
        metavar="OS/ARCH",
        help="Build for these platforms only, separated by commas; repeatable.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="NAME", help="Build for a device; see bakex platform devices."
    ),
]
Outputs = Annotated[
    Texts,
    typer.Option(
        "--output",
        "-o",
        metavar="type=TYPE,...",
        help="Put results there instead of where targets say; repeatable.",
    ),
]
NoCache = Annotated[
    bool | None, typer.Option("--no-cache/--cache", help="Run every step, cached or not.")
]
Pull = Annotated[bool | None, typer.Option("--pull/--no-pull", help="Look for newer base images.")]
Provenance = Annotated[
    str, typer.Option(metavar="BOOL|mode=MODE", help="Attest how the result was built.")
]
Sbom = Annotated[
    str, typer.Option(metavar="BOOL|generator=IMAGE", help="Attest what the result contains.")
]
Policies = Annotated[
    Texts,
    typer.Option(
        "--policy", metavar="KEY=VALUE,...", help="How source policies count; repeatable."
    ),
]
Call = Annotated[
    str,
    typer.Option(
        "--call", metavar="METHOD[,...]", help="Call a method of the frontend: check, outline."
    ),
]
Check = Annotated[bool, typer.Option("--check", help="The same as --call check.")]
Builder = Annotated[
    str,
    typer.Option(
        metavar="NAME|ADDRESS|CONTEXT",
        help="Where to build, several separated by commas; found by itself if not given.",
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="text|json",
        help="Errors and warnings, and what else is told, for people or for programs.",
    ),
]
PLACE = "A reference, the path of an OCI layout or archive, or oci:PATH[:NAME]."
Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE",
        help=PLACE,
    ),
]
Insecure = Annotated[bool, typer.Option("--insecure", help="Allow plain HTTP and unverified TLS.")]
Allow = Annotated[
    Texts, typer.Option("--allow", metavar="ENTITLEMENT", help="Grant a privilege; repeatable.")
]
Emulation = Annotated[
    str,
    typer.Option(
        "--emulation",
        metavar="allow|fallback|never",
        help="Build on nodes that emulate: beside native ones, where there is none, or not at all.",
    ),
]
Progress = Annotated[
    str, typer.Option(metavar="MODE", help="auto, tty, plain, quiet or rawjson; on standard error.")
]
MetadataFile = Annotated[
    str,
    typer.Option(
        "--metadata-file",
        metavar="FILE",
        help="Write what was built and pushed there, as JSON.",
    ),
]
MaxFiles = Annotated[
    int,
    typer.Option(
        "--max-files", metavar="NUMBER", help="Tell of so many files of each layer; 0 for all."
    ),
]
Debug = Annotated[bool, typer.Option("--debug", "-D", help="Show tracebacks of errors.")]

_FLAGS = frozenset(
    {"--push", "--load", "--no-cache", "--pull", "--print", "--check", "--strict", "--debug"}
    | {"--list-targets", "--list-variables"}
)
_OPPOSITES = {
    "--push": "--no-push",
    "--load": "--no-load",
    "--no-cache": "--cache",
    "--pull": "--no-pull",
}
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


def spelled(arguments: Sequence[str]) -> list[str]:
    """Return arguments with ``--pull=false`` and its like as the parser knows them.

    Go's flags, and so every script that calls buildx, may give a boolean flag its value like that.
    What stands behind ``--`` is left alone.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found: list[str] = []
    for argument in arguments[:end]:
        name, equals, value = argument.partition("=")
        word = value.lower()
        if not equals or name not in _FLAGS or word not in _TRUE | _FALSE:
            found.append(argument)
        elif word in _TRUE:
            found.append(name)
        elif name in _OPPOSITES:
            found.append(_OPPOSITES[name])
        else:  # the last word counts
            found = [other for other in found if other != name]
    return [*found, *arguments[end:]]


def wants_json(arguments: Sequence[str]) -> bool:
    """Return whether the last ``--format`` is ``json``; needs no parser, so errors of it count."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found = False
    for position, argument in enumerate(arguments[:end]):
        if argument == "--format":
            found = arguments[position + 1 : position + 2] == ["json"]
        elif argument.startswith("--format="):
            found = argument == "--format=json"
    return found

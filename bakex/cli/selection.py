"""From options to targets: what `bake` and `plan` have in common."""

from typing import TYPE_CHECKING, NamedTuple

from bakex.cli import options as o
from bakex.cli.streams import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.definition import Definition
    from bakex.bake.resolve import Resolution
    from bakex.cli.backend import Invocation
    from bakex.cli.seam import Reading, Selecting
    from bakex.config import Settings
    from bakex.diagnostics import Diagnostic
    from bakex.sources.arguments import Arguments


# No "from __future__ import annotations" here: Typer reads the options off these annotations.
class Selection(NamedTuple):
    """The options that say what is to be built, and how it differs from what the files say."""

    targets: o.Targets = None
    files: o.Files = None
    sets: o.Sets = None
    variables: o.Variables = None
    env_files: o.EnvFiles = None
    push: o.Push = None
    load: o.Load = None
    platform: o.Platforms = None
    device: o.Device = ""
    output: o.Outputs = None
    no_cache: o.NoCache = None
    pull: o.Pull = None
    provenance: o.Provenance = ""
    sbom: o.Sbom = ""
    policy: o.Policies = None
    call: o.Call = ""
    check: o.Check = False
    strict: o.Strict = False
    builder: o.Builder = ""
    format: o.Format = "text"
    debug: o.Debug = False

    def overrides(self) -> "tuple[str, ...]":
        """Return everything that changes what the files say, as ``--set`` expressions.

        Raises:
            UsageError: An option whose value it cannot have.
        """
        from bakex.bake.flags import Flags, as_overrides  # noqa: PLC0415 - start-up budget

        platforms = [item for text in self.platform or () for item in text.split(",") if item]
        flags = Flags(
            set=self.sets or (),
            push=bool(self.push),
            load=bool(self.load),
            call="check" if self.check else self.call,
            no_cache=self.no_cache,
            pull=self.pull,
            sbom=self.sbom,
            provenance=self.provenance,
            policy=self.policy or (),
            platform=platforms,
            device=self.device,
            output=self.output or (),
        )
        return as_overrides(flags)


def begin(run: "Invocation", selection: Selection) -> "Settings":
    """Take note of the options that concern the whole command, and read the settings.

    Raises:
        UsageError: No such format.
    """
    return start(run, selection.format, debug=selection.debug)


def start(run: "Invocation", format_: str, *, debug: bool) -> "Settings":
    """Do the same for a command that selects nothing.

    Raises:
        UsageError: No such format.
    """
    from bakex.errors import UsageError  # noqa: PLC0415 - start-up budget

    run.debug |= debug
    if format_ not in {"text", "json"}:
        raise UsageError(f"invalid format {format_!r}", hint="use --format text or --format json")
    run.as_json = format_ == "json"
    return run.backend.settings()


def _split(selection: Selection) -> "Arguments":
    from bakex.sources.arguments import split  # noqa: PLC0415 - start-up budget

    return split(selection.targets or ())


def _reading(selection: Selection) -> "Reading":
    arguments = _split(selection)
    return {
        "files": selection.files or (),
        "variables": selection.variables or (),
        "env_files": selection.env_files or (),
        "strict": selection.strict,
        "url": arguments.definition,
        "context_url": arguments.context,
    }


def read(run: "Invocation", settings: "Settings", selection: Selection) -> "Definition":
    """Return what the files say; for listings.

    Raises:
        DefinitionError: They cannot be read.
        UsageError: An option that cannot be read.
    """
    return run.backend.read(settings, **_reading(selection))


def select(
    run: "Invocation", settings: "Settings", selection: Selection, *, check: bool = False
) -> "Resolution":
    """Return the targets that the options select.

    Args:
        run: This run of the command.
        settings: Working directory and environment.
        selection: The options.
        check: Whether to check what a build checks on this machine before it begins.

    Raises:
        UsageError: An option that cannot be read.
        DefinitionError: What is selected cannot be built like that.
    """
    return run.backend.define(settings, **selecting(selection, check=check))


def selecting(selection: Selection, *, check: bool = False) -> "Selecting":
    """Return what the options select, as values.

    Raises:
        UsageError: An option that cannot be read.
    """
    return {
        **_reading(selection),
        "targets": _split(selection).names,
        "overrides": selection.overrides(),
        "check": check,
    }


def warn(run: "Invocation", warnings: "Sequence[Diagnostic]") -> None:
    """Print what is odd; for commands that have no display to show it.

    With ``--format json`` it is kept for the document that ends the command.
    """
    if run.as_json:
        run.findings.extend(warnings)
    elif warnings:
        from bakex.cli.failures import shown  # noqa: PLC0415 - start-up budget

        say("\n\n".join(shown(warnings)))

"""``bake --list`` from the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.bake.listing import JSON, TARGETS, VARIABLES, Listing, text
from bakex.cli.selection import read, warn
from bakex.cli.streams import put, say
from bakex.errors import UsageError

if TYPE_CHECKING:
    from bakex.cli.backend import Invocation
    from bakex.cli.selection import Selection
    from bakex.config import Settings


def wanted(option: str, *, targets: bool, variables: bool) -> str:
    """Return what to list; says so if it was asked for by a deprecated option."""
    for given, kind in ((targets, TARGETS), (variables, VARIABLES)):
        if given:
            say(f"note: --list-{kind} is deprecated: use --list={kind}")
            return kind
    return option


def show(run: Invocation, settings: Settings, selection: Selection, option: str) -> None:
    """Print the listing; with ``--format json`` as JSON unless the option itself says otherwise.

    Raises:
        UsageError: There is no such listing.
        DefinitionError: The files cannot be read.
    """
    listing = Listing.parse(option)
    if run.as_json and "format=" not in option.lower():
        listing = replace(listing, format=JSON)
    if selection.call or selection.check:
        raise UsageError("--list calls no method", hint="leave --call and --check out")
    definition = read(run, settings, selection)
    warn(run, definition.warnings)
    put(text(definition, listing))

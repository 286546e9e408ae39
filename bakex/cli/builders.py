"""What `bakex builder` does, and the text and documents that it answers with."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bakex.api.nodes import described
from bakex.cli.keeping import Warnings, table
from bakex.cli.noding import check, derived, overview, perform
from bakex.errors import ConfigError, UsageError
from bakex.nodes.declared import DeclaredNode
from bakex.progress.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.api.builders import Builder, Builders
    from bakex.cli.backend import Invocation

_SCHEMA_VERSION: Final = 1
_FOUND: Final = "what is found in the usual places"


def created(
    run: Invocation, name: str, endpoints: Sequence[str], *, use: bool, check_nodes: bool
) -> str:
    """Make a builder and return what to say.

    Raises:
        UsageError: The name cannot be one, or is taken.
        ConfigError: An endpoint cannot be used, or the file cannot be written.
        NodeError: A node does not answer.
    """
    settings = run.backend.settings()
    nodes: dict[str, DeclaredNode] = {}
    for endpoint in endpoints:
        node = DeclaredNode(endpoint=endpoint)
        wanted = called = derived(settings, node)
        number = 1
        while called in nodes:
            number += 1
            called = f"{wanted}-{number}"
        nodes[called] = node
    store = run.backend.builders(settings)
    store.check_free(name)
    check(run, settings, nodes, ask=check_nodes)
    perform(lambda: store.create(name, nodes, use=use))
    note = "it is used where no builder is named\n" if use else ""
    return f"created {name} with {', '.join(nodes)}\n{note}"


def listed(run: Invocation, *, as_json: bool) -> str:
    """Return all builders; nothing is connected to.

    Raises:
        ConfigError: A file of builders is malformed.
    """
    found = _builders(run).listed()
    if as_json:
        document = {"schemaVersion": _SCHEMA_VERSION, "builders": [_plain(one) for one in found]}
        return json.dumps(document, indent=2) + "\n"
    rows: list[tuple[str, ...]] = [("NAME", "FROM", "NODES", "ENDPOINTS")]
    rows.extend(_row(builder) for builder in found)
    note = "" if any(builder.in_use for builder in found) else f"\n{_where(run)}\n"
    return table(rows) + note


def inspected(run: Invocation, name: str, *, as_json: bool) -> str:
    """Return where a builder is declared, and its nodes.

    Raises:
        UsageError: There is no such builder.
        ConfigError: It, or a file of builders, cannot be used.
    """
    settings, builders = run.backend.settings(), _builders(run)
    found = builders.listed()
    if name:
        builders.check(name)
    name = name or next((builder.name for builder in found if builder.in_use), "")
    builder = next((one for one in found if one.name == name and not one.hidden), None)
    states = perform(lambda: run.backend.nodes(settings, events=Warnings()).states(name))
    if as_json:
        about = _plain(builder) if builder else {"name": "", "from": ""}
        document = {
            "schemaVersion": _SCHEMA_VERSION,
            **about,
            "nodes": [described(state) for state in states],
        }
        return json.dumps(document, indent=2) + "\n"
    rows = [("name", name or f"none: {_FOUND}")]
    if builder is not None:
        source = f"{builder.source}, {builder.file}" if builder.file else builder.source
        rows += [("from", source), ("in use", "yes" if builder.in_use else "no")]
    lines = "".join(f"{key + ':':<9}{clean(value)}\n" for key, value in rows)
    return f"{lines}\n{overview(states, run.backend.clock().now())}"


def used(run: Invocation, name: str, *, none: bool) -> str:
    """Choose the builder that is used where none is named, and return what to say.

    Raises:
        UsageError: There is no such builder, or it is not said which.
        ConfigError: The choice cannot be written.
    """
    if none == bool(name):
        raise UsageError("say which builder is to be used", hint="write its name, or --none")
    settings = run.backend.settings()
    project = perform(lambda: run.backend.builders(settings).use(name))
    variable = _variable(run)
    note = f"note: {variable} is set and goes before it\n" if variable else ""
    if none:
        return f"no builder is in use: a bake takes {_FOUND}\n{note}"
    return f"{name} is in use{f' in the project of {project}' if project else ''}\n{note}"


def removed(run: Invocation, names: Sequence[str]) -> str:
    """Remove builders of this user, and return what to say.

    Raises:
        UsageError: One is not there, or not this user's; the ones before it are gone.
        ConfigError: The file cannot be written.
    """
    store = run.backend.builders(run.backend.settings())
    said: list[str] = []
    for name in dict.fromkeys(names):
        was_in_use = perform(partial(store.remove, name))
        said.append(f"removed {name}\n")
        if was_in_use:
            said.append(f"it was in use: a bake now takes {_FOUND}\n")
    return "".join(said)


def _builders(run: Invocation) -> Builders:
    return run.backend.builders(run.backend.settings()).builders


def _where(run: Invocation) -> str:
    """Return where a bake builds if no builder of the list is in use."""
    if variable := _variable(run):
        return f"{variable} says where a bake builds"
    try:
        _builders(run).current()
    except ConfigError as error:
        return f"{error.summary}\n  hint: {error.hint}"
    return f"no builder is in use: a bake takes {_FOUND}"


def _variable(run: Invocation) -> str:
    """Return which variable goes before the builder in use; empty for none."""
    environ = run.backend.settings().environ
    variables = ("BAKEX_BUILDER", "BUILDX_BUILDER", "BUILDKIT_HOST")
    return next((name for name in variables if environ.get(name)), "")


def _row(builder: Builder) -> tuple[str, ...]:
    marks = " *" if builder.in_use else ""
    source = f"{builder.source} (hidden)" if builder.hidden else builder.source
    endpoints = ", ".join(endpoint for _, endpoint in builder.nodes)
    about = clean(builder.problem) if builder.problem else clean(endpoints)
    return clean(builder.name) + marks, source, str(len(builder.nodes)), about


def _plain(builder: Builder) -> dict[str, Any]:
    return {
        "name": builder.name,
        "from": builder.source,
        "file": str(builder.file) if builder.file else None,
        "inUse": builder.in_use,
        "hidden": builder.hidden,
        "problem": builder.problem,
        "nodes": [{"name": name, "endpoint": endpoint} for name, endpoint in builder.nodes],
    }

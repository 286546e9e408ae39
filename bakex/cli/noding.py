"""What `bakex node` does, and the text and documents that it answers with."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bakex.api.nodes import described
from bakex.cli.interrupts import watched
from bakex.cli.keeping import Warnings, moment, table
from bakex.errors import NodeError, UsageError
from bakex.nodes.declared import NAME, candidate
from bakex.nodes.discovery import PRIVATE
from bakex.progress.text import clean, seconds, size

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from datetime import datetime

    from bakex.api.nodes import Nodes
    from bakex.cli.backend import Invocation
    from bakex.cli.declaring import Properties
    from bakex.config import Settings
    from bakex.model.nodestate import NodeState
    from bakex.model.platform import Platform
    from bakex.nodes.declared import DeclaredNode

_T = TypeVar("_T")
_SCHEMA_VERSION: Final = 1
_IN_STEP_S: Final = 0.5  # clocks that differ by less are said to be in step
_HEADS: Final = (
    *("NODE", "STATUS", "NATIVE", "COMPATIBLE", "EMULATED"),
    *("VERSION", "RUNNING", "CACHE", "FREE", "CLOCK"),
)
_UNUSABLE: Final = NodeError.exit_code


def listed(run: Invocation, builder: str, *, as_json: bool) -> str:
    """Return the nodes of a builder; a look that is at most a minute old will do.

    Raises:
        ConfigError: The builder, or a file it leads to, cannot be used.
    """
    found = _states(run, builder, fresh=False)
    return _document(found) if as_json else overview(found, run.backend.clock().now())


def probed(run: Invocation, builder: str, *, as_json: bool) -> tuple[str, int]:
    """Look at the nodes of a builder; return what was found, and the exit code.

    Raises:
        ConfigError: The builder, or a file it leads to, cannot be used.
    """
    found = _states(run, builder, fresh=True)
    text = _document(found) if as_json else overview(found)
    return text, _UNUSABLE if any(state.error for state in found) else 0


def inspected(run: Invocation, builder: str, name: str, *, as_json: bool) -> str:
    """Return all about one node.

    Raises:
        UsageError: The builder has no such node.
        ConfigError: The builder, or a file it leads to, cannot be used.
    """
    state = state_of(run, builder, name)
    if as_json:
        return json.dumps({"schemaVersion": _SCHEMA_VERSION, **described(state)}, indent=2) + "\n"
    return "".join(f"{key + ':':<14}{clean(value)}".rstrip() + "\n" for key, value in _about(state))


def state_of(run: Invocation, builder: str, name: str, *, fresh: bool = False) -> NodeState:
    """Return one node of a builder; a look that is at most a minute old will do.

    Raises:
        UsageError: The builder has no such node.
        ConfigError: The builder, or a file it leads to, cannot be used.
    """
    found = _states(run, builder, fresh=fresh)
    for state in found:
        if state.name == name:
            return state
    names = ", ".join(state.name for state in found)
    raise UsageError(
        f"the builder {builder!r} has no node {name!r}"
        if builder
        else f"there is no node {name!r}",
        hint=f"there are: {names}" if not builder else f"it has {names}",
    )


def added(run: Invocation, properties: Properties) -> str:
    """Add a node to a builder and return what to say.

    Raises:
        UsageError: There is no such builder, the name is taken, or an option cannot be read.
        ConfigError: The endpoint cannot be used.
        NodeError: It does not answer.
    """
    settings = run.backend.settings()
    node = properties.declared(settings.cwd)
    name = properties.name or derived(settings, node)
    check(run, settings, {name: node}, ask=properties.check)
    perform(lambda: run.backend.builders(settings).add(properties.builder, name, node))
    return f"added {name} to {properties.builder}\n"


def removed(run: Invocation, builder: str, names: Sequence[str]) -> str:
    """Remove nodes of a builder and return what to say.

    Raises:
        UsageError: There is no such builder or node, or none would be left.
        ConfigError: The file cannot be written.
    """
    perform(lambda: run.backend.builders(run.backend.settings()).drop(builder, names))
    return f"removed {', '.join(dict.fromkeys(names))} from {builder}\n"


def check(
    run: Invocation, settings: Settings, nodes: Mapping[str, DeclaredNode], *, ask: bool
) -> None:
    """Check that declared nodes make sense and, if asked for, that they answer.

    Raises:
        ConfigError: An endpoint cannot be used.
        NodeError: A node does not answer, or cannot do enough.
    """
    choices = [
        candidate(settings, name, node, origin=name, base=settings.cwd)
        for name, node in nodes.items()
    ]
    if not ask:
        return
    found = perform(lambda: _nodes(run, settings).look(choices))
    bad = [state for state in found if state.error]
    if bad:
        raise NodeError(
            "; ".join(f"{state.name}: {state.error}" for state in bad),
            detail="\n".join(state.detail for state in bad if state.detail),
            hint="start it, or add --no-check to write it down all the same",
        )


def derived(settings: Settings, node: DeclaredNode) -> str:
    """Return a name for a node, made of its endpoint.

    Raises:
        ConfigError: The endpoint cannot be used.
    """
    found = candidate(settings, "", node, origin="the endpoint", base=settings.cwd)
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", "own" if found.name == PRIVATE else found.name)
    return plain if re.fullmatch(NAME, plain) else f"node-{plain}"


def perform(job: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Do something in an event loop, and let signals stop it.

    Raises:
        StoppedError: A signal ended it.
    """
    with watched() as interrupts:
        return interrupts.run(job)


def overview(states: Sequence[NodeState], now: datetime | None = None) -> str:
    """Return nodes as a table, then what is wrong with some of them.

    Args:
        states: The nodes.
        now: The time, to say how old it is; None if it is new.
    """
    if not states:
        return "there are no nodes\n"
    rows: list[tuple[str, ...]] = [_HEADS]
    rows.extend(_row(state) for state in states)
    notes = "".join(
        f"\n{state.name}: {clean(state.error)}\n"
        + (f"  hint: {clean(state.hint)}\n" if state.hint else "")
        for state in states
        if state.error
    )
    oldest = max(((now or state.checked) - state.checked).total_seconds() for state in states)
    age = f"\nas of {seconds(oldest)} ago; bakex node probe asks anew\n" if oldest >= 1 else ""
    return table(rows) + notes + age


def _row(state: NodeState) -> tuple[str, ...]:
    return (
        clean(state.name),
        state.status,
        _short(state.native),
        _short(state.compatible),
        _short(state.emulated),
        clean(state.version) or "-",
        "-" if state.running is None else str(state.running),
        _size(state.cache),
        _size(state.free),
        clock(state.skew_s, short=True),
    )


def _about(state: NodeState) -> list[tuple[str, str]]:
    terms = state.terms
    rows = [
        ("name", state.name),
        ("address", state.address),
        ("status", state.status),
        *((("error", f"{state.error}. {state.detail}".strip()),) if state.error else ()),
        *((("hint", state.hint),) if state.hint else ()),
        ("version", state.version or "-"),
        ("native", ", ".join(map(str, state.native)) or "-"),
        ("compatible", ", ".join(map(str, state.compatible)) or "-"),
        ("emulated", ", ".join(map(str, state.emulated)) or "-"),
        ("used for", ", ".join(map(str, terms.only)) or "all of them"),
        ("max jobs", str(terms.max_jobs or "the usual number")),
        ("weight", str(terms.weight)),
        ("labels", ", ".join(f"{k}={v}" for k, v in terms.labels.items()) or "-"),
        ("features", ", ".join(state.features) or "-"),
        ("running", "-" if state.running is None else str(state.running)),
        ("cache", _size(state.cache)),
        ("free disk", _size(state.free)),
        ("clock", clock(state.skew_s, short=False)),
        ("checked", moment(state.checked)),
    ]
    return [(key, value) for key, value in rows]


def _short(platforms: Sequence[Platform]) -> str:
    return " ".join(str(platform).removeprefix("linux/") for platform in platforms) or "-"


def _size(count: int | None) -> str:
    return "-" if count is None else size(count)


def clock(skew: float | None, *, short: bool) -> str:
    """Return by how much a clock differs from ours."""
    if skew is None:
        return "-"
    if abs(skew) < _IN_STEP_S:
        return "ok" if short else "in step"
    return f"{skew:+.1f}s" if short else f"{seconds(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def _document(states: Sequence[NodeState]) -> str:
    document = {"schemaVersion": _SCHEMA_VERSION, "nodes": [described(state) for state in states]}
    return json.dumps(document, indent=2) + "\n"


def _states(run: Invocation, builder: str, *, fresh: bool) -> list[NodeState]:
    settings = run.backend.settings()
    asked = builder or settings.builder
    return perform(lambda: _nodes(run, settings).states(asked, fresh=fresh))


def _nodes(run: Invocation, settings: Settings) -> Nodes:
    return run.backend.nodes(settings, events=Warnings())

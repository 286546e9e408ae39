"""What commands call: the seam between the command line and the rest of bakex.

Commands get a `Backend` from their context. `Installed` is the real one; it imports each part when
it is first used, because most of them cost more than parsing the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from bakex.bake.definition import Definition
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Plan
    from bakex.model.publication import Report
    from bakex.nodes.drivers.private import PrivateEngine


class Builder(Protocol):
    """Nodes that are connected; see `bakex.api.Client`."""

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        """What was found out about the nodes."""
        ...

    def plan(self, resolution: Resolution) -> Plan:
        """Return what `bake` would do."""
        ...

    async def bake(self, resolution: Resolution, *, allow: Sequence[str] = ()) -> Report:
        """Build, assemble and publish."""
        ...


class Backend(Protocol):
    """Everything that a command may call."""

    def settings(self) -> Settings:
        """Read the settings of this process."""
        ...

    def clock(self) -> Clock:
        """Return the clock that displays go by."""
        ...

    def read(
        self, settings: Settings, *, files: Sequence[str], variables: Sequence[str]
    ) -> Definition:
        """Read bake files; see `bakex.api.read`."""
        ...

    def define(
        self,
        settings: Settings,
        *,
        files: Sequence[str],
        targets: Sequence[str],
        overrides: Sequence[str],
        variables: Sequence[str],
    ) -> Resolution:
        """Return the targets that are asked for; see `bakex.api.define`."""
        ...

    def connect(
        self, settings: Settings, *, builder: str, events: EventSink
    ) -> AbstractAsyncContextManager[Builder]:
        """Connect to a builder's nodes; see `bakex.api.Client.open`."""
        ...

    def private_engine(self, settings: Settings) -> PrivateEngine:
        """Return this user's private engine; see `bakex.api.private_engine`."""
        ...


class Invocation:
    """One run of the command; the object of every command's context.

    Attributes:
        debug: Whether ``--debug`` was given.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.debug = False


def invocation(context_object: object) -> Invocation:
    """Return what a command's context carries."""
    return cast("Invocation", context_object)


class Installed:
    """The real backend: this package."""

    def settings(self) -> Settings:
        """Read the settings of this process."""
        from bakex.config import load  # noqa: PLC0415 - start-up budget

        return load()

    def clock(self) -> Clock:
        """Return the machine's clock."""
        from bakex.run.clock import SystemClock  # noqa: PLC0415 - start-up budget

        return SystemClock()

    def read(
        self, settings: Settings, *, files: Sequence[str], variables: Sequence[str]
    ) -> Definition:
        """Read bake files."""
        from bakex import api  # noqa: PLC0415 - start-up budget

        return api.read(settings, files=files, variables=variables)

    def define(
        self,
        settings: Settings,
        *,
        files: Sequence[str],
        targets: Sequence[str],
        overrides: Sequence[str],
        variables: Sequence[str],
    ) -> Resolution:
        """Return the targets that are asked for."""
        from bakex import api  # noqa: PLC0415 - start-up budget

        return api.define(
            settings, files=files, targets=targets, overrides=overrides, variables=variables
        )

    def connect(
        self, settings: Settings, *, builder: str, events: EventSink
    ) -> AbstractAsyncContextManager[Builder]:
        """Connect to a builder's nodes."""
        from bakex import api  # noqa: PLC0415 - start-up budget

        return api.Client.open(settings, builder=builder, events=events)

    def private_engine(self, settings: Settings) -> PrivateEngine:
        """Return this user's private engine."""
        from bakex import api  # noqa: PLC0415 - start-up budget

        return api.private_engine(settings)

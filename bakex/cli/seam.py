"""The seam between the command line and the rest of bakex, as types: nothing imports it to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bakex.api.artifacts import Artifacts
    from bakex.api.builder_store import BuilderStore
    from bakex.api.images import Images
    from bakex.api.login import Logins
    from bakex.api.machine import Platforms
    from bakex.api.nodes import Nodes
    from bakex.api.outcome import Recorder
    from bakex.api.upkeep import Upkeep
    from bakex.bake.definition import Definition
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeInfo
    from bakex.model.outcome import CellOutcome, Outcome
    from bakex.model.plan import Plan
    from bakex.model.publication import Publication, PublishPolicy, Report
    from bakex.model.running import Emulation, RunPolicy
    from bakex.nodes.drivers.private import PrivateEngine
    from bakex.outputs.record import Record


class Reading(TypedDict):
    """Which files are read, and with which values; see `bakex.api.read`."""

    files: Sequence[str]
    variables: Sequence[str]
    env_files: Sequence[str]
    strict: bool
    url: str
    context_url: str


class Selecting(Reading):
    """What is selected of them, and how it is changed; see `bakex.api.define`."""

    targets: Sequence[str]
    overrides: Sequence[str]
    check: bool


class Builder(Protocol):
    """Nodes that are connected; see `bakex.api.Client`."""

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        """What was found out about the nodes."""
        ...

    def over(self, names: Sequence[str]) -> Builder:
        """Return the same with some of the nodes only; see `bakex.api.Client.over`."""
        ...

    def plan(self, resolution: Resolution, *, emulation: Emulation = ...) -> Plan:
        """Return what `bake` would do."""
        ...

    async def bake(
        self,
        resolution: Resolution,
        *,
        allow: Sequence[str] = (),
        policy: PublishPolicy | None = None,
        running: RunPolicy | None = None,
        recorder: Recorder | None = None,
        recorded: Sequence[CellOutcome] = (),
        parts: bool = False,
    ) -> Report:
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

    def read(self, settings: Settings, **given: Unpack[Reading]) -> Definition:
        """Read bake files; see `bakex.api.read`."""
        ...

    def define(self, settings: Settings, **given: Unpack[Selecting]) -> Resolution:
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

    def upkeep(
        self, settings: Settings, *, builder: str, events: EventSink
    ) -> AbstractAsyncContextManager[Upkeep]:
        """Give access to what nodes keep; see `bakex.api.upkeep.Upkeep.open`."""
        ...

    def unfinished(self, settings: Settings) -> list[tuple[Path, Record]]:
        """Return interrupted publications; see `bakex.api.publication`."""
        ...

    async def complete(
        self, settings: Settings, path: Path, *, events: EventSink
    ) -> list[Publication]:
        """Finish one of them; see `bakex.api.publication`."""
        ...

    async def merge(
        self,
        settings: Settings,
        resolution: Resolution,
        records: Mapping[str, Outcome],
        *,
        policy: PublishPolicy,
        events: EventSink,
    ) -> Report:
        """Publish what several shards have built; see `bakex.api.merge`."""
        ...

    def images(self, settings: Settings, *, insecure: bool) -> AbstractAsyncContextManager[Images]:
        """Give access to images; see `bakex.api.images.Images.open`."""
        ...

    def artifacts(
        self, settings: Settings, *, insecure: bool
    ) -> AbstractAsyncContextManager[Artifacts]:
        """Give access to artifacts; see `bakex.api.artifacts.Artifacts.open`."""
        ...

    def logins(self, settings: Settings) -> Logins:
        """Give access to the user's credentials; see `bakex.api.login`."""
        ...

    def builders(self, settings: Settings) -> BuilderStore:
        """Give access to the user's builders; see `bakex.api.builder_store`."""
        ...

    def platforms(self, settings: Settings) -> Platforms:
        """Look at platforms, devices and this machine; see `bakex.api.machine`."""
        ...

    def nodes(self, settings: Settings, *, events: EventSink) -> Nodes:
        """Look at nodes; see `bakex.api.nodes`."""
        ...

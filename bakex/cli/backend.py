"""What commands call: the seam between the command line and the rest of bakex.

Commands get a `Backend` from their context. `Installed` is the real one; it imports each part when
it is first used, because most of them cost more than parsing the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bakex.api.artifacts import Artifacts
    from bakex.api.builder_store import BuilderStore
    from bakex.api.images import Images
    from bakex.api.login import Logins
    from bakex.api.machine import Platforms
    from bakex.api.nodes import Nodes
    from bakex.api.upkeep import Upkeep
    from bakex.bake.definition import Definition
    from bakex.bake.resolve import Resolution
    from bakex.cli.seam import Backend, Builder, Reading, Selecting
    from bakex.config import Settings
    from bakex.diagnostics import Diagnostic
    from bakex.events import EventSink
    from bakex.interfaces import Clock
    from bakex.model.outcome import Outcome
    from bakex.model.publication import Publication, PublishPolicy, Report
    from bakex.nodes.drivers.private import PrivateEngine
    from bakex.outputs.record import Record


class Invocation:
    """One run of the command; the object of every command's context.

    Attributes:
        debug: Whether ``--debug`` was given.
        as_json: Whether findings are told as one JSON document (``--format json``).
        findings: Warnings that are kept for that document.
        last_line: What is said behind a failure: how to go on.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.debug = False
        self.as_json = False
        self.findings: list[Diagnostic] = []
        self.last_line = ""


def invocation(context_object: object, *, debug: bool = False) -> Invocation:
    """Return what a command's context carries; ``-D`` may stand behind the command, too."""
    found = cast("Invocation", context_object)
    found.debug |= debug
    return found


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

    def read(self, settings: Settings, **given: Unpack[Reading]) -> Definition:
        """Read bake files."""
        from bakex import api  # noqa: PLC0415 - start-up budget

        return api.read(settings, **given)

    def define(self, settings: Settings, **given: Unpack[Selecting]) -> Resolution:
        """Return the targets that are asked for."""
        from bakex import api  # noqa: PLC0415 - start-up budget

        return api.define(settings, **given)

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

    def upkeep(
        self, settings: Settings, *, builder: str, events: EventSink
    ) -> AbstractAsyncContextManager[Upkeep]:
        """Give access to what nodes keep."""
        from bakex.api.upkeep import Upkeep  # noqa: PLC0415 - start-up budget

        return Upkeep.open(settings, builder=builder, events=events)

    def unfinished(self, settings: Settings) -> list[tuple[Path, Record]]:
        """Return interrupted publications."""
        from bakex.api import publication  # noqa: PLC0415 - start-up budget

        return publication.unfinished(settings)

    async def complete(
        self, settings: Settings, path: Path, *, events: EventSink
    ) -> list[Publication]:
        """Finish one of them."""
        from bakex.api import publication  # noqa: PLC0415 - start-up budget

        return await publication.complete(settings, path, events=events)

    async def merge(
        self,
        settings: Settings,
        resolution: Resolution,
        records: Mapping[str, Outcome],
        *,
        policy: PublishPolicy,
        events: EventSink,
    ) -> Report:
        """Publish what several shards have built."""
        from bakex.api.merge import merge  # noqa: PLC0415 - start-up budget

        return await merge(settings, resolution, records, policy=policy, events=events)

    def images(self, settings: Settings, *, insecure: bool) -> AbstractAsyncContextManager[Images]:
        """Give access to images."""
        from bakex.api.images import Images  # noqa: PLC0415 - start-up budget

        return Images.open(settings, insecure=insecure)

    def artifacts(
        self, settings: Settings, *, insecure: bool
    ) -> AbstractAsyncContextManager[Artifacts]:
        """Give access to artifacts."""
        from bakex.api.artifacts import Artifacts  # noqa: PLC0415 - start-up budget

        return Artifacts.open(settings, insecure=insecure)

    def logins(self, settings: Settings) -> Logins:
        """Give access to the user's credentials."""
        from bakex.api.login import Logins  # noqa: PLC0415 - start-up budget

        return Logins(settings)

    def builders(self, settings: Settings) -> BuilderStore:
        """Give access to the user's builders."""
        from bakex.api.builder_store import BuilderStore  # noqa: PLC0415 - start-up budget

        return BuilderStore(settings)

    def platforms(self, settings: Settings) -> Platforms:
        """Look at platforms, devices and this machine."""
        from bakex.api.machine import Platforms  # noqa: PLC0415 - start-up budget

        return Platforms(settings)

    def nodes(self, settings: Settings, *, events: EventSink) -> Nodes:
        """Look at nodes."""
        from bakex.api.nodes import Nodes  # noqa: PLC0415 - start-up budget

        return Nodes(settings, clock=self.clock(), events=events)

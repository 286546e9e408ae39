"""The blocking façade: the same calls, run to completion."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bakex.api.client import Client
from bakex.model.running import Emulation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.model.plan import Plan
    from bakex.model.publication import PublishPolicy, Report
    from bakex.model.running import RunPolicy


def plan(
    settings: Settings,
    resolution: Resolution,
    *,
    builder: str = "",
    emulation: Emulation = Emulation.FALLBACK,
    events: EventSink,
) -> Plan:
    """Connect to a builder and return what `bake` would do.

    See `bakex.Client.open` and `bakex.Client.plan`.
    """

    async def run() -> Plan:
        async with Client.open(settings, builder=builder, events=events) as client:
            return client.plan(resolution, emulation=emulation)

    return asyncio.run(run())


def bake(
    settings: Settings,
    resolution: Resolution,
    *,
    builder: str = "",
    allow: Sequence[str] = (),
    policy: PublishPolicy | None = None,
    running: RunPolicy | None = None,
    events: EventSink,
) -> Report:
    """Connect to a builder, build, assemble and publish.

    See `bakex.Client.open` and `bakex.Client.bake`. Ctrl-C cancels the run on all nodes before
    KeyboardInterrupt is raised.
    """

    async def run() -> Report:
        async with Client.open(settings, builder=builder, events=events) as client:
            return await client.bake(resolution, allow=allow, policy=policy, running=running)

    return asyncio.run(run())

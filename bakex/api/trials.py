"""Whether nodes run the programs of platforms, and how fast: tried by building."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.api.connect import Connector
from bakex.errors import BuildError, NodeError, UsageError
from bakex.events import StepChanged
from bakex.model.node import Speed
from bakex.model.plan import Cell, CellId
from bakex.model.target import Target
from bakex.plan.matching import speed
from bakex.platforms.tiny import program
from bakex.registry.credentials import DockerKeychain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.api.connect import Connected
    from bakex.config import Settings
    from bakex.events import Event, EventSink
    from bakex.interfaces import Clock
    from bakex.model.node import NodeName
    from bakex.model.platform import Platform
    from bakex.platforms.catalogue import Catalogue

# Twice at once: the first program on a node waits for more than itself.
_AT_ONCE, _COUNTING = 'RUN ["/tiny"]', 'RUN ["/tiny", "count"]'
_DOCKERFILE = f"FROM scratch\nCOPY tiny /\n{_AT_ONCE}\n{_AT_ONCE}\n{_COUNTING}\n"
_PATIENCE_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of it.

    Attributes:
        speed: How the node is said to run it; None if it does not list the platform.
        error: Why its program did not run; empty if it did.
        hint: What to do about that.
        start_s: What it took to start a program, with everything around it.
        work_s: What its counting took on top of that.
        factor: How many times longer the counting took than on the node's own platform; 0 if that
            was not measured.
    """

    node: NodeName
    platform: Platform
    speed: Speed | None
    error: str = ""
    hint: str = ""
    start_s: float = 0.0
    work_s: float = 0.0
    factor: float = 0.0


class Trials:
    """Tries platforms.

    Args:
        settings: Where nodes are.
        known: The platforms.
        clock: Dates events.
        events: Gets warnings about nodes.
    """

    def __init__(
        self, settings: Settings, known: Catalogue, *, clock: Clock, events: EventSink
    ) -> None:
        self._settings = settings
        self._known = known
        self._connector = Connector(
            settings=settings, keychain=DockerKeychain(settings), clock=clock, events=events
        )

    async def run(
        self, platforms: Sequence[Platform], *, builder: str = "", node: str = ""
    ) -> list[Trial]:
        """Try platforms on the nodes of a builder, one after the other, so that times count.

        Args:
            platforms: Which; empty for all that the node lists.
            builder: As ``--builder`` takes it.
            node: Only this node of it.

        Raises:
            NodeError: No node answers.
            UsageError: There is no such node.
            ConfigError: The builder, or a file it leads to, cannot be used.
        """
        nodes = await self._connector.connect(builder)
        try:
            chosen = [one for one in nodes if node in {"", one.info.name}]
            if not chosen:
                names = ", ".join(one.info.name for one in nodes)
                raise UsageError(f"there is no node {node!r}", hint=f"there are: {names}")
            return [trial for one in chosen for trial in await self._on(one, platforms)]
        finally:
            for one in nodes:
                await one.aclose()

    async def _on(self, node: Connected, platforms: Sequence[Platform]) -> list[Trial]:
        own = node.info.machine
        listed = [p for p in node.info.platforms if p in self._known.profiles]
        found = [await self._try(node, p) for p in dict.fromkeys(platforms or listed)]
        times = {trial.platform: trial.work_s for trial in found if not trial.error}
        if own is not None and own not in times and own in self._known.profiles:
            times[own] = (await self._try(node, own)).work_s
        base = times.get(own, 0.0) if own is not None else 0.0
        return [_compared(trial, base) for trial in found]

    async def _try(self, node: Connected, platform: Platform) -> Trial:
        info = node.info
        how = speed(info, platform)
        content = program(platform, self._known.profiles[platform].binary)
        if content is None:
            return Trial(
                node=info.name, platform=platform, speed=how, error="bakex has no program for it"
            )
        with tempfile.TemporaryDirectory(prefix="bakex-") as folder:
            path = Path(folder) / "tiny"
            path.write_bytes(content)
            path.chmod(0o755)
            target = Target(
                name="platform-test",
                context=folder,
                dockerfile_inline=_DOCKERFILE,
                no_cache=True,
                network="none",
            )
            cell = Cell(
                id=CellId(target.name, platform),
                target=target,
                node=info.name,
                speed=how or Speed.EMULATED,
            )
            steps = _Steps()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await node.engine.build(cell, [], {}, steps)
            except (BuildError, NodeError) as error:
                return Trial(
                    node=info.name,
                    platform=platform,
                    speed=how,
                    error=error.detail.partition("\n")[0]
                    or error.summary.removeprefix(f"{cell.id}: "),
                    hint=error.hint,
                )
            except TimeoutError:
                return Trial(
                    node=info.name,
                    platform=platform,
                    speed=how,
                    error=f"it did not end within {_PATIENCE_S} seconds",
                )
        start, count = steps.took
        return Trial(
            node=info.name,
            platform=platform,
            speed=how,
            start_s=start,
            work_s=max(0.0, count - start),
        )


class _Steps:
    """Notes how long the RUN steps took; an `EventSink`."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def emit(self, event: Event) -> None:
        if isinstance(event, StepChanged) and event.started and event.completed:
            self._seconds[event.name] = (event.completed - event.started).total_seconds()

    @property
    def took(self) -> tuple[float, float]:
        """The shorter of the two that end at once, and the one that counts; seconds."""
        start, work = (
            min((s for name, s in self._seconds.items() if name.endswith(end)), default=0.0)
            for end in (_AT_ONCE, _COUNTING)
        )
        return start, work


def _compared(trial: Trial, base: float) -> Trial:
    if trial.error or not base:
        return trial
    return replace(trial, factor=trial.work_s / base)

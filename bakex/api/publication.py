"""Publication: what is checked before a run, what becomes visible after it, and in which order.

All outputs of all targets are complete by then. Tags are read and checked once more; files and
directories get their names; tags move (`bakex.outputs.tagging`). A record of what is to be done is
written before the first tag moves, and removed when nothing is left to do.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently
from bakex.errors import BakexError, ContentNotFoundError, OutputError
from bakex.events import Published
from bakex.model.publication import PublishPolicy
from bakex.oci.validate import validate
from bakex.outputs.ledger import Ledger
from bakex.outputs.preflight import preflight
from bakex.outputs.record import Record, held, place
from bakex.outputs.tagging import Tagging
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from bakex.api.inputs import InputRecords
    from bakex.config import Settings
    from bakex.events import EventSink
    from bakex.interfaces import Clock, Finished, Registry
    from bakex.model.digest import Digest
    from bakex.model.plan import Cell, CellId, Plan
    from bakex.model.publication import Publication, TagMove
    from bakex.model.reference import Reference
    from bakex.model.result import CellResult
    from bakex.outputs.preflight import Destination
    from bakex.registry.client import RegistryClient

_AT_ONCE = 8  # images that are checked at the same time


class Publisher:
    """Makes the results of one run visible.

    Attributes:
        publications: What is where so far; complete also after a failure.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        policy: PublishPolicy,
        records: Path,
        events: EventSink,
        clock: Clock,
        inputs: InputRecords | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            registry: Where tags are.
            policy: How to publish.
            records: Directory of the records of publications.
            events: Gets a `Published` for every place that holds a result at the end.
            clock: For the times of events and records.
            inputs: What immutable tags were made from, as far as this machine knows.
        """
        self._inputs = inputs
        self._registry = registry
        self._policy = policy
        self._records = records
        self._events = events
        self._clock = clock
        self._seen: Mapping[Reference, Digest | None] = {}
        self.publications: list[Publication] = []

    async def check(self, destinations: Sequence[Destination]) -> Mapping[Reference, Digest | None]:
        """Find out before anything is built what would be in the way of publication.

        Returns:
            What the tags stand for, as far as that can be read.

        Raises:
            UsageError: An expectation is about no tag of this run.
            TagConflictError: A tag does not stand for what is expected, or is immutable and would
                have to move.
            RegistryError: A registry does not let this account push, or failed.
            OutputError: The record of the publication could not be written.
        """
        if destinations:
            try:
                self._records.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(
                    f"cannot write to {self._records}",
                    detail=error.strerror or "",
                    hint="set XDG_STATE_HOME to a directory that is writable",
                ) from None
        seen = await preflight(self._registry, destinations, self._policy)
        if self._inputs is not None:
            fixed = [d for d in destinations if self._policy.is_immutable(d.reference)]
            await self._inputs.look(fixed)
            pairs = [(item, seen.get(item.reference)) for item in fixed]
            await self._inputs.check((item, now) for item, now in pairs if now is not None)
        if not self._policy.each:
            self._seen = seen
        return seen

    async def publish(self, finished: Sequence[tuple[str, Finished]]) -> None:
        """Make outputs visible: files first, then tags. See `publications` for the outcome.

        Raises:
            TagConflictError: A tag must not be moved; nothing became visible.
            PublicationError: A tag could not be moved.
            RegistryError: A registry refused or failed; no tag has moved.
            OutputError: A file could not be put into place; no tag has moved.
        """
        moves = [move for _, output in finished for move in output.moves]
        if not moves:
            await self._show(finished)
            return
        self._note((move.reference, (move.root.digest, *move.staged)) for move in moves)
        if self._inputs is not None:
            await self._inputs.survey()
        path = place(self._records, moves)
        async with held(path):
            tagging = await self._prepared(moves)
            await self._show(finished)
            await self._move(tagging, path)

    async def complete(self, record: Record, path: Path) -> None:
        """Finish a recorded publication.

        Raises:
            ContentNotFoundError: Content that is to be tagged is not there any more.
            TagConflictError: A tag stands neither for the new content nor for what it did before.
            PublicationError: A tag could not be moved.
            RegistryError: A registry refused or failed; no tag has moved.
        """
        moves = [move for move, _ in record.tags]
        self._seen = {move.reference: former for move, former in record.tags}
        roots = {(move.reference.repository, move.root.digest): move for move in moves}
        checks = [partial(self._is_complete, move) for move in roots.values()]
        await concurrently(checks, limit=_AT_ONCE)
        async with held(path):
            await self._move(await self._prepared(moves), path)
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call

    async def _is_complete(self, move: TagMove) -> None:
        store = self._registry.repository(move.reference, insecure=move.insecure)
        try:
            await validate(store, move.root)
        except ContentNotFoundError as error:
            raise ContentNotFoundError(
                f"{move.reference} cannot be published any more: {error.summary}",
                hint="bake it again; finished steps are cached",
            ) from None

    async def _prepared(self, moves: Sequence[TagMove]) -> Tagging:
        tagging = Tagging(moves, self._registry, policy=self._policy, seen=self._seen)
        await tagging.prepare()
        return tagging

    async def _show(self, finished: Sequence[tuple[str, Finished]]) -> None:
        for _, output in finished:
            self._tell(await output.publish())

    async def _move(self, tagging: Tagging, path: Path) -> None:
        if tagging.pending:
            Record.of(tagging.pending, self._clock.now()).write(path)
            self._note((m.reference, (old.digest,)) for m, old in tagging.pending if old)
        try:
            await tagging.move()
        except BakexError as error:
            if tagging.is_partial:
                error.hint = f"finish it with: bakex publish {path}"
            raise
        finally:
            self._tell(tagging.publications)
            if not tagging.is_partial:
                path.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call

    def _note(self, pushed: Iterable[tuple[Reference, Iterable[Digest]]]) -> None:
        """Keep what has no tag of its own, or will have none, for `bakex image gc`."""
        ledger = Ledger(self._records.with_name("pushed"))
        for reference, digests in pushed:
            ledger.note(reference.repository, digests, self._clock.now())

    def _tell(self, publications: Sequence[Publication]) -> None:
        self.publications.extend(publications)
        if self._inputs is not None:
            self._inputs.keep(publications)
        for publication in publications:
            if publication.state.holds_result:
                self._events.emit(Published(at=self._clock.now(), publication=publication))


class EachTarget:
    """Publishes a target as soon as its last cell and its gates are done (``--publish=each``)."""

    def __init__(
        self,
        plan: Plan,
        publish: Callable[[Mapping[CellId, CellResult], Sequence[str]], Awaitable[None]],
    ) -> None:
        """Take what to do with finished targets: the results of their cells, and their names."""
        self._publish = publish
        self._results: dict[CellId, CellResult] = {}
        self._needed = {
            name: {*(cell.id for cell in plan.of(name)), *plan.gates_of(name)}
            for name in plan.requested
        }

    async def done(self, cell: Cell, result: CellResult) -> None:
        """Take the result of a cell."""
        self._results[cell.id] = result
        # Chosen before anything is awaited: other cells may be done meanwhile.
        complete = [
            name
            for name, needed in self._needed.items()
            if cell.id in needed and needed <= self._results.keys()
        ]
        if complete:
            await self._publish(self._results, complete)


def records(settings: Settings) -> Path:
    """Return the directory of the records of publications."""
    return settings.state / "publications"


def noted(settings: Settings) -> Path:
    """Return the directory of what was pushed without a tag, or has lost one."""
    return records(settings).with_name("pushed")


def unfinished(settings: Settings) -> list[tuple[Path, Record]]:
    """Return the publications that were interrupted, the oldest first.

    Raises:
        ConfigError: A record cannot be read.
    """
    found = [(path, Record.read(path)) for path in sorted(records(settings).glob("*.json"))]
    return sorted(found, key=lambda item: item[1].created)


async def complete(
    settings: Settings, path: Path, *, policy: PublishPolicy | None = None, events: EventSink
) -> list[Publication]:
    """Finish an interrupted publication, given its record; idempotent.

    Args:
        settings: For credentials and certificates.
        path: The record's file; it is removed when all tags have moved.
        policy: How to publish.
        events: Gets what was published.

    Raises:
        ConfigError: There is no such record.
        ContentNotFoundError: Content that is to be tagged is not there any more.
        TagConflictError: A tag was moved by somebody else meanwhile.
        PublicationError: A tag could not be moved.
        RegistryError: A registry refused or failed; no tag has moved.
    """
    record = Record.read(path)
    async with connection(settings) as (registry, clock):
        publisher = Publisher(
            registry=registry,
            policy=policy or PublishPolicy(),
            records=path.parent,
            events=events,
            clock=clock,
        )
        await publisher.complete(record, path)
    return publisher.publications


@asynccontextmanager
async def connection(settings: Settings) -> AsyncGenerator[tuple[RegistryClient, Clock], None]:
    """Give access to registries with the user's credentials, where no node is needed."""
    from bakex.registry.client import RegistryClient  # noqa: PLC0415 - start-up budget of a bake

    clock = SystemClock()
    keychain = DockerKeychain(settings)
    client = RegistryClient(keychain=keychain, settings=settings, clock=clock)
    try:
        yield client, clock
    finally:
        await client.aclose()

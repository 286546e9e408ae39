"""What a builder's nodes keep, all of them at once: build caches and build histories."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bakex._util.tasks import concurrently
from bakex.api.connect import Connector
from bakex.errors import OutputError, UsageError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_EMPTY, OCI_MANIFEST
from bakex.model.plan import CellId
from bakex.model.platform import Platform
from bakex.oci.archive import write_archive
from bakex.oci.copy import once
from bakex.oci.layout import OciLayout
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from bakex.api.connect import Connected
    from bakex.config import Settings
    from bakex.engines.buildkit.housekeeping import Housekeeping
    from bakex.events import EventSink
    from bakex.model.upkeep import HistoryBlob, HistoryRecord, Pruning, UsageRecord

_AT_ONCE: Final = 32  # nodes
_RECORD: Final = "application/vnd.bakex.build.v1+json"  # an archive's record, and its kind
_ROLE: Final = "bakex.role"


class Upkeep:
    """The caches and histories of a builder's nodes; made by `open`."""

    def __init__(self, nodes: Sequence[Connected], settings: Settings) -> None:
        self._keepers = [node.keeper for node in nodes if node.keeper is not None]
        self._platforms = {node.info.name: next(iter(node.info.platforms)) for node in nodes}
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, builder: str = "", events: EventSink
    ) -> AsyncGenerator[Upkeep, None]:
        """Connect to the nodes of a builder; closes everything at the end.

        Raises:
            NodeError: No node answers, or none was found.
            ConfigError: A setting is wrong.
        """
        async with AsyncExitStack() as stack:
            connector = Connector(
                settings=settings,
                keychain=DockerKeychain(settings),
                clock=SystemClock(),
                events=events,
            )
            nodes = await connector.connect(builder or settings.builder)
            for node in nodes:
                stack.push_async_callback(node.aclose)
            yield cls(nodes, settings)

    async def usage(self, filters: Sequence[str] = ()) -> list[UsageRecord]:
        """Return what is in the caches, node by node.

        Raises:
            NodeError: A node refused or was lost.
        """
        jobs = [partial(keeper.usage, filters) for keeper in self._keepers]
        return [record for found in await concurrently(jobs, limit=_AT_ONCE) for record in found]

    async def prune(self, pruning: Pruning, gone: Callable[[UsageRecord], None]) -> None:
        """Remove results from all caches; `gone` is told about each one.

        Raises:
            NodeError: A node refused or was lost; what was removed by then stays removed.
        """

        async def one(keeper: Housekeeping) -> None:
            async with aclosing(keeper.prune(pruning)) as records:
                async for record in records:
                    gone(record)

        jobs = [partial(one, keeper) for keeper in self._keepers]
        await concurrently(jobs, limit=_AT_ONCE)

    async def history(self) -> list[HistoryRecord]:
        """Return the builds of all nodes, newest first.

        Raises:
            CapabilityError: A node keeps no history.
            NodeError: A node refused or was lost.
        """
        jobs = [keeper.history for keeper in self._keepers]
        found = [record for part in await concurrently(jobs, limit=_AT_ONCE) for record in part]
        found.sort(key=lambda record: record.created.timestamp() if record.created else 0)
        return found[::-1]

    async def find(self, text: str) -> HistoryRecord:
        """Return a build by its identity or the beginning of it; the newest one for no text.

        The identity may be written as it stands in reports: ``builder/node/ref``.

        Raises:
            UsageError: There is none, or there are several.
            NodeError: A node refused or was lost.
        """
        node, ref = text.split("/")[-2:] if "/" in text else ("", text)
        found = [
            record
            for record in await self.history()
            if record.ref.startswith(ref) and node in {"", record.node}
        ]
        exact = [record for record in found if record.ref == ref]
        if not text and found:
            return found[0]
        if not found:
            raise UsageError(f"there is no build {text}", hint="list them with bakex history ls")
        if len(exact or found) > 1:
            raise UsageError(
                f"{text} stands for {len(found)} builds", hint="write more of the identity"
            )
        return (exact or found)[0]

    async def replay(self, record: HistoryRecord, events: EventSink) -> None:
        """Emit once more what happened in a build.

        Raises:
            NodeError: The node refused or was lost.
        """
        wanted = record.frontend_attrs.get("platform", "").partition(",")[0]
        platform = Platform.parse(wanted) if wanted else self._platforms[record.node]
        cell = CellId(record.frontend_attrs.get("target") or "build", platform)
        await self._keeper(record).replay(record.ref, cell, events)

    async def forget(self, records: Sequence[HistoryRecord]) -> None:
        """Remove builds from the histories.

        Raises:
            UsageError: One is gone already, or still runs.
            NodeError: A node refused or was lost.
        """
        for record in records:
            await self._keeper(record).forget(record.ref)

    async def export(self, record: HistoryRecord, file: Path) -> None:
        """Write a build's record, logs and attestations as an OCI archive; replaces the file.

        The archive has one manifest: its config is the record as JSON, its layers are the content
        that the node keeps, each annotated with its role.

        Raises:
            ContentError: The node sent something else than it has announced.
            OutputError: The file cannot be written.
            NodeError: The node refused or was lost.
        """
        scratch = self._settings.cache / "run"
        await asyncio.to_thread(scratch.mkdir, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="history-", dir=scratch) as folder:
            layout = OciLayout.create(Path(folder) / "layout", durable=False)
            layers = [await self._copy(record, blob, layout) for blob in record.blobs]
            config = await _push(layout, described(record), _RECORD)
            manifest: dict[str, Any] = {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": _RECORD,
                "config": config.to_json(),
                "layers": [layer.to_json() for layer in layers]
                or [(await _push(layout, {}, OCI_EMPTY)).to_json()],
            }
            root = await _push(layout, manifest, OCI_MANIFEST)
            temporary = file.with_name(f".{file.name}.part")
            try:
                await write_archive(layout, [(root, "")], temporary)
                temporary.replace(file)
            except OSError as error:
                raise OutputError(f"cannot write {file}", detail=f"{error.strerror}.") from None
            finally:
                temporary.unlink(missing_ok=True)

    async def _copy(
        self, record: HistoryRecord, blob: HistoryBlob, layout: OciLayout
    ) -> Descriptor:
        descriptor = Descriptor(
            media_type=blob.media_type,
            digest=Digest.parse(blob.digest),
            size=blob.size,
            annotations={**blob.annotations, _ROLE: blob.role},
        )
        await layout.push(descriptor, partial(self._keeper(record).content, blob))
        return descriptor

    def _keeper(self, record: HistoryRecord) -> Housekeeping:
        return next(keeper for keeper in self._keepers if keeper.node == record.node)


async def _push(layout: OciLayout, document: dict[str, Any], media_type: str) -> Descriptor:
    raw = json.dumps(document, indent=2, default=str).encode()
    found = Descriptor(media_type=media_type, digest=Digest.of(raw), size=len(raw))
    await layout.push(found, partial(once, raw))
    return found


def described(record: HistoryRecord) -> dict[str, Any]:
    """Return a record as a JSON object; times are in ISO 8601."""
    found: dict[str, Any] = asdict(record)
    for key in ("created", "completed"):
        found[key] = found[key].isoformat() if found[key] else None
    duration = record.duration
    return {
        **found,
        "name": record.name,
        "status": record.status,
        "duration": duration.total_seconds() if duration else None,
    }

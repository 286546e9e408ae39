"""Emulation on this machine and on nodes: set up, proven, and taken back.

What is done to a kernel is written down before it is done, in ``STATE/emulation/BOOT.json``: a
reboot forgets it, so the name is that of the kernel's run. Taking it back goes by that record.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

from bakex._util.atomic import locked, write_file
from bakex.api.connect import places
from bakex.errors import BakexError, CapabilityError, ConfigError, UsageError
from bakex.model.node import Wire
from bakex.nodes.binfmt import PROC, LocalKernel
from bakex.nodes.dialers import dialer
from bakex.nodes.documents import read_object
from bakex.nodes.emulators import Programs
from bakex.nodes.launcher import SystemLauncher
from bakex.platforms.handlers import Change, Kind, needed, split
from bakex.platforms.tiny import program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.node import Endpoint
    from bakex.nodes.binfmt import Kernel
    from bakex.platforms.binfmt import Handler
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.handlers import Table
    from bakex.platforms.profile import Profile

_SCHEMA_VERSION = 1
_KUBERNETES = "for pods, apply the DaemonSet in docs/emulation.md to the cluster"
_THERE = "run bakex platform install on that machine itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What is about to be done to a kernel.

    Attributes:
        place: Whose kernel it is, for people.
        boot: Which run of it.
        changes: What is done, in order; or undone.
        stays: Of what was done before, what is not undone.
    """

    place: str
    boot: str
    changes: Sequence[Change]
    stays: Sequence[Change] = ()


class Emulators:
    """Sets up emulation of one kernel.

    Args:
        settings: Where the record, and programs that are fetched, are kept.
        known: The platforms.
        node: The node whose kernel it is; None for this machine.
        image: On a docker daemon, has QEMU's programs; empty to bring them from here.
        proc: Where this machine's kernel tells about itself.
    """

    def __init__(
        self,
        settings: Settings,
        known: Catalogue,
        *,
        node: Endpoint | None = None,
        image: str = "",
        proc: Path = PROC,
    ) -> None:
        self._settings = settings
        self._known = known
        self._docker = docker_of(node) if node is not None else None
        self._place = node.name if node is not None and self._docker else "this machine"
        self._image = image
        self._proc = proc
        if image and self._docker is None:
            raise UsageError(
                "--image is for nodes that are docker daemons",
                hint="name one with --node, or leave --image out",
            )

    @property
    def is_here(self) -> bool:
        """Whether the kernel is that of this machine."""
        return self._docker is None

    async def handlers(self) -> list[Handler]:
        """Return the kernel's table of interpreters; changes nothing.

        Raises:
            NodeError: The kernel cannot be asked.
        """
        async with self._kernel(()) as kernel:
            return (await kernel.look()).handlers

    async def planned(self, profiles: Sequence[Profile]) -> Pending:
        """Return what has to be done so that platforms run; changes nothing.

        Raises:
            NodeError: The kernel cannot be asked, or an emulator is not to be had.
            UsageError: A platform cannot be emulated.
        """
        programs = _programs(profiles)
        async with self._kernel(programs) as kernel:
            table = await kernel.look()
            replace = bool(self._image)
            draft = needed(profiles, table, dict.fromkeys(programs, ""), replace=replace)
            wanted = [change.program for change in draft if change.kind is Kind.REGISTER]
            paths = dict.fromkeys(programs, "")
            if wanted:
                paths.update(await kernel.interpreters(wanted))
            changes = needed(profiles, table, paths, replace=replace)
        return Pending(place=self._place, boot=table.boot, changes=changes)

    async def install(self, pending: Pending, profiles: Sequence[Profile]) -> None:
        """Do what is pending, and see that the platforms' programs run.

        Raises:
            NodeError: It failed; what was done of it is undone.
        """
        async with self._kernel(_programs(profiles)) as kernel, self._record(pending.boot) as file:
            before = _read(file)
            _write(file, [*before, *pending.changes])
            try:
                table = await kernel.change(pending.changes)
                _prove(profiles, table, pending.place)
            except BakexError:
                await kernel.change(list(reversed(pending.changes)), back=True)
                _write(file, before)
                raise

    async def undoing(self, profiles: Sequence[Profile]) -> Pending:
        """Return what of bakex's doing can be undone; of all platforms if none is named.

        Raises:
            NodeError: The kernel cannot be asked.
        """
        async with self._kernel(()) as kernel:
            boot = (await kernel.look()).boot
        async with self._record(boot) as file:
            stays, undone = split(_read(file), _programs(profiles))
        return Pending(place=self._place, boot=boot, changes=undone, stays=stays)

    async def uninstall(self, pending: Pending) -> None:
        """Undo what is pending.

        Raises:
            NodeError: It failed; may be repeated.
        """
        async with self._kernel(()) as kernel, self._record(pending.boot) as file:
            await kernel.change(pending.changes, back=True)
            _write(file, pending.stays)

    @asynccontextmanager
    async def _kernel(self, wanted: Collection[str]) -> AsyncGenerator[Kernel]:
        settings = self._settings
        programs = Programs(settings.cache, settings.environ)
        samples = samples_of(self._known.profiles.values())
        if self._docker is None:
            yield LocalKernel(programs.interpreter, samples, proc=self._proc)
            return
        from bakex.nodes.drivers.binfmt_container import (  # noqa: PLC0415 - imports docker's SDK
            DockerKernel,
        )

        way = dialer(self._docker, SystemLauncher(settings.environ))
        try:
            async with DockerKernel.opened(
                way, programs, sorted(wanted), samples, image=self._image
            ) as kernel:
                yield kernel
        finally:
            await way.aclose()

    @asynccontextmanager
    async def _record(self, boot: str) -> AsyncGenerator[Path]:
        folder = self._settings.state / "emulation"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{boot}.json"
        async with locked(folder / "lock"):
            yield file


def endpoint_of(settings: Settings, builder: str, node: str) -> Endpoint | None:
    """Return a node of a builder; None for the private engine, which is on this machine.

    Raises:
        UsageError: The builder has no such node.
        ConfigError: The builder, or a file it leads to, cannot be used.
    """
    found = places(settings, builder)
    choices = [choice for choice in found.choices if found.named or choice.present()]
    for choice in choices:
        if choice.name == node:
            endpoint = choice.endpoint
            return None if endpoint is None or endpoint.private else endpoint
    names = ", ".join(str(choice.name) for choice in choices)
    raise UsageError(f"there is no node {node!r}", hint=f"there are: {names}")


def docker_of(node: Endpoint) -> Endpoint:
    """Return the docker daemon on whose machine a node is.

    Raises:
        CapabilityError: No docker daemon is known there.
    """
    if node.via is not None:
        return node.via
    if node.wire is Wire.DOCKER:
        return node
    scheme = node.address.partition("://")[0]
    raise CapabilityError(
        f"no docker daemon is known on the machine of the node {node.name} ({node.address})",
        detail="Emulators are registered with a kernel by a privileged container, or by root.",
        hint=_KUBERNETES if scheme.startswith("kube") else _THERE,
    )


def samples_of(profiles: Iterable[Profile]) -> dict[str, bytes]:
    """Return architecture -> the smallest program for it."""
    found: dict[str, bytes] = {}
    for profile in profiles:
        content = program(profile.platform, profile.binary)
        if content is not None:
            found[profile.platform.architecture] = content
    return found


def wanted(known: Catalogue, names: Sequence[str]) -> list[Profile]:
    """Return platforms by their names, which may be joined with commas.

    Raises:
        UsageError: One is not known, or nothing emulates it.
    """
    words = [word for name in names for word in name.split(",") if word.strip()]
    found = [known.find(word) for word in dict.fromkeys(words)]
    for profile in found:
        if profile.emulation is None:
            raise UsageError(
                f"nothing emulates {profile.platform}",
                hint="build it in a stage for another platform, with a cross compiler",
            )
    return found


def _programs(profiles: Iterable[Profile]) -> list[str]:
    return sorted({p.emulation.program for p in profiles if p.emulation is not None})


def _prove(profiles: Iterable[Profile], table: Table, place: str) -> None:
    if bad := [str(profile.platform) for profile in profiles if not table.works(profile)]:
        raise CapabilityError(
            f"emulators are registered on {place}, but programs of {', '.join(bad)} do not run",
            detail="What was changed is undone.",
            hint="try another QEMU; on a docker daemon with --image",
        )


def _read(file: Path) -> list[Change]:
    """Return what was done, in order.

    Raises:
        ConfigError: The record is not one.
    """
    document = read_object(file)
    if document is None:
        return []
    try:
        rows = cast("list[Mapping[str, str]]", document["changes"])
        return [
            Change(
                kind=Kind(row["kind"]), name=row["name"], line=row["line"], program=row["program"]
            )
            for row in rows
        ]
    except (KeyError, TypeError, ValueError):
        raise ConfigError(
            f"{file} is no record of what was done for emulation",
            hint="remove it; handlers that begin with bakex- can be removed by hand",
        ) from None


def _write(file: Path, changes: Sequence[Change]) -> None:
    if not changes:
        file.unlink(missing_ok=True)
        return
    rows = [asdict(change) for change in changes]
    text = json.dumps({"schemaVersion": _SCHEMA_VERSION, "changes": rows}, indent=2)
    write_file(file, text.encode())

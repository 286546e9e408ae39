"""One round of a build: a session, a solve, and what came back put in its place."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bakex._util.atomic import write_file
from bakex.engines.buildkit import exports, solve
from bakex.engines.buildkit.archive import unpack
from bakex.engines.buildkit.caches import tag_of
from bakex.engines.buildkit.registries import hosts
from bakex.engines.buildkit.sessions import Offer
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import ContentError, InternalError, NodeError, NodeLostError, OutputError
from bakex.model.node import Feature
from bakex.model.result import PushImage, SaveImage
from bakex.oci.layout import MARKER, OciLayout
from bakex.session.filesync.target import FileSend, TarTarget, TreeTarget

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from bakex.engines.buildkit.classic import ClassicStore
    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.exports import Round
    from bakex.engines.buildkit.keeping import Keeping
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.sessions import Sessions
    from bakex.engines.buildkit.status import StatusFold
    from bakex.model.descriptor import Descriptor
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell
    from bakex.model.result import ExportRequest
    from bakex.session.session import Session

_LOST_S = 2.0  # seconds until a build without its session is given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a round needs.

    Attributes:
        first: Whether it is the build's first round; see `solve.request`.
        request: What the round's image is for; None if it makes none.
        keeping: Keeps the result, which no round of the build has made so far; None for a build
            whose result nobody waits for, or is kept already.
    """

    cell: Cell
    recipe: Recipe
    round: Round
    info: NodeInfo
    ref: str
    first: bool
    request: ExportRequest | None = None
    keeping: Keeping | None = None


async def perform(
    job: Job,
    control: Control,
    sessions: Sessions,
    fold: StatusFold,
    classic: ClassicStore | None = None,
) -> tuple[dict[str, str], Descriptor | None]:
    """Run a round; return the daemon's response and the image that was made, if one was asked for.

    Args:
        job: What to do.
        control: The daemon.
        sessions: Its sessions.
        fold: Gets the status.
        classic: For daemons whose images have to be taken out of their store.

    Raises:
        BuildError: The build failed.
        NodeError: The daemon was lost.
        ContentError: The daemon did not hand over what it announced.
        OutputError: Files cannot be written.

    Archives take their names only after the daemon has reported success.
    """
    async with AsyncExitStack() as stack:
        await _prepare(job)
        if job.round.passing and classic is not None:
            await stack.enter_async_context(classic.named(job.round.passing))
        files: dict[int, TreeTarget | TarTarget] = {
            index: TreeTarget(directory) for index, directory in job.round.trees.items()
        }
        tars = {index: TarTarget(file, hold=True) for index, file in job.round.tars.items()}
        if job.round.archive >= 0:
            workspace = stack.enter_context(tempfile.TemporaryDirectory(prefix="bakex-"))
            tars[job.round.archive] = TarTarget(Path(workspace) / "image.tar")
        for tar in tars.values():
            stack.callback(tar.discard)
        files.update(tars)
        response = await _solve(job, files, control, sessions, fold, stack)
        for tar in tars.values():
            await asyncio.to_thread(tar.commit)
        if job.round.archive >= 0 and job.round.layout is not None:
            await asyncio.to_thread(unpack, tars[job.round.archive].path, job.round.layout)
        if job.first:
            await _name_caches(job, response)
        return response, await _image(job, response, classic)


async def _prepare(job: Job) -> None:
    if job.round.layout is not None:
        await asyncio.to_thread(_make_layout, job.round.layout)
    for entry in job.recipe.exports:
        if entry.type == "local":
            directory = job.recipe.cache_dirs[entry.attrs["dest"]]
            await asyncio.to_thread(_make_layout, directory)


def _make_layout(directory: Path) -> None:
    """Make an empty layout, or leave one alone; other builds may do the same at this moment."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not (directory / "oci-layout").exists():
            write_file(directory / "oci-layout", MARKER)
    except OSError as error:
        raise OutputError(
            f"cannot write the OCI layout {str(directory)!r}", detail=f"{error.strerror}."
        ) from None


async def _solve(
    job: Job,
    files: Mapping[int, TreeTarget | TarTarget],
    control: Control,
    sessions: Sessions,
    fold: StatusFold,
    stack: AsyncExitStack,
) -> dict[str, str]:
    offer = _offer(job, files)
    recipe = job.recipe
    if job.keeping is not None:
        stack = job.keeping.resources
    if Feature.LOCAL_SESSION_ID in job.info.features:
        # A directory comes from a session that all builds that read it share, whatever else they
        # need; frontends that do not know how to ask another session find it in the build's own.
        extra: dict[str, str] = {}
        for name, directory in recipe.dirs.items():
            if name != "dockerfile":
                shared = sessions.lease(Offer(dirs={name: directory}))
                opened = await stack.enter_async_context(shared)
                extra[f"local-sessionid:{name}"] = opened.id
        recipe = replace(recipe, attrs={**recipe.attrs, **extra})
    session = await stack.enter_async_context(sessions.lease(offer))
    message = solve.request(job.ref, session.id, recipe, job.round, first=job.first)
    if job.keeping is None:
        work = solve.run(control, message, fold)
    else:
        holder = await job.keeping.open(session.id, recipe)
        work = job.keeping.run(holder, message, recipe, fold)
    try:
        return dict(await _while_open(session, job, work))
    except RpcError as error:
        from bakex.engines.buildkit.errors import explain  # noqa: PLC0415 - for failures only

        session.explain(error.message)
        raise explain(
            error, cell=job.cell, recipe=recipe, endpoint=job.info.endpoint, fold=fold
        ) from None


async def _while_open(
    session: Session, job: Job, work: Coroutine[None, None, Mapping[str, str]]
) -> Mapping[str, str]:
    """Do some work until it is done or the session is lost.

    A daemon does not miss a session before it needs something of it, which may be after hours.

    Raises:
        NodeLostError: The session was lost, and the daemon did not end the build by itself.
        RpcError: The build failed.
        NodeError: The daemon was lost.
    """

    async def outcome() -> Mapping[str, str] | RpcError | NodeError:
        try:
            return await work
        except (RpcError, NodeError) as error:
            return error

    async with asyncio.TaskGroup() as group:
        task = group.create_task(outcome())
        lost = group.create_task(session.ended.wait())
        await asyncio.wait((task, lost), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            # What the daemon says about it is better, and comes at once if it comes at all.
            await asyncio.wait((task,), timeout=_LOST_S)
        lost.cancel()
        if not task.done():
            task.cancel()
    if task.cancelled():
        raise NodeLostError(
            f"{job.info.name} lost the session of the build of {job.cell.id}",
            detail="The connection through which it gets files and secrets has ended.",
            hint="look at the daemon's log",
        )
    found = task.result()
    if isinstance(found, Exception):
        raise found
    return found


def _offer(job: Job, files: Mapping[int, TreeTarget | TarTarget]) -> Offer:
    offer = Offer.of(job.recipe)
    stores = dict(offer.stores)
    written = {entry.attrs.get("dest") for entry in job.recipe.exports}
    for name, path in job.recipe.cache_dirs.items():
        stores[f"local:{name}"] = (path, name in written)
    if job.round.layout is not None and job.round.archive < 0:
        stores["export"] = (job.round.layout, True)
    names = offer.registries
    if names is not None:
        names |= hosts(value for _, attrs in job.round.exporters for value in attrs.values())
    files_ = [FileSend(files)] if files else []
    return replace(offer, stores=stores, registries=names, files=files_)


async def _name_caches(job: Job, response: Mapping[str, str]) -> None:
    """Enter the caches that were written into the index of their directories."""
    manifest = exports.cache_manifest(response)
    for entry in job.cell.target.cache_to:
        if entry.type == "local" and manifest is not None:
            directory = job.recipe.cache_dirs[entry.attrs["dest"]]
            await OciLayout(directory).tag(manifest, tag_of(entry, job.recipe.cache_suffix))


async def _image(
    job: Job, response: Mapping[str, str], classic: ClassicStore | None
) -> Descriptor | None:
    if job.round.image < 0:
        return None
    if job.round.passing:
        if classic is None or not isinstance(job.request, SaveImage | PushImage):
            raise InternalError(f"{job.cell.id}: nothing can take the image out of its store")
        return await classic.hand_over(job.cell, job.request, job.round.passing)
    if exports.is_classic(job.info):
        # The store keeps the image, and has no manifest that could be named.
        return None
    found = exports.descriptor(response, job.info)
    if job.round.layout is not None and not await OciLayout(job.round.layout).exists(found):
        raise ContentError(
            f"{job.cell.id}: {job.info.name} did not send {found.digest}",
            detail="It announced that image, but did not hand it over.",
        )
    return found

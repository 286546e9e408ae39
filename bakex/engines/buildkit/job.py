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
from bakex.engines.buildkit.errors import explain
from bakex.engines.buildkit.sessions import Offer
from bakex.engines.buildkit.transport import RpcError
from bakex.errors import ContentError, OutputError
from bakex.model.node import Feature
from bakex.oci.layout import MARKER, OciLayout
from bakex.session.filesync.target import FileSend, TarTarget, TreeTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.engines.buildkit.client import Control
    from bakex.engines.buildkit.exports import Round
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.sessions import Sessions
    from bakex.engines.buildkit.status import StatusFold
    from bakex.model.descriptor import Descriptor
    from bakex.model.node import NodeInfo
    from bakex.model.plan import Cell
    from bakex.session.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a round needs.

    Attributes:
        first: Whether it is the build's first round; see `solve.request`.
    """

    cell: Cell
    recipe: Recipe
    round: Round
    info: NodeInfo
    ref: str
    first: bool


async def perform(
    job: Job, control: Control, sessions: Sessions, fold: StatusFold
) -> tuple[dict[str, str], Descriptor | None]:
    """Run a round; return the daemon's response and the image that was made, if one was asked for.

    Raises:
        BuildError: The build failed.
        NodeError: The daemon was lost.
        ContentError: The daemon did not hand over what it announced.
        OutputError: Files cannot be written.

    Archives take their names only after the daemon has reported success.
    """
    async with AsyncExitStack() as stack:
        await _prepare(job)
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
        return response, await _image(job, response)


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
    if files and Feature.LOCAL_SESSION_ID in job.info.features:
        # Directories come from a session that is shared; frontends that do not know how to ask
        # another session find them in the build's own.
        shared = await stack.enter_async_context(sessions.lease(Offer(dirs=recipe.dirs)))
        extra = {f"local-sessionid:{name}": shared.id for name in recipe.dirs}
        recipe = replace(recipe, attrs={**recipe.attrs, **extra})
    session = await stack.enter_async_context(sessions.lease(offer))
    message = solve.request(job.ref, session.id, recipe, job.round, first=job.first)
    try:
        return dict(await solve.run(control, message, fold))
    except RpcError as error:
        _raise_own(session, error)
        raise explain(
            error, cell=job.cell, recipe=recipe, endpoint=job.info.endpoint, fold=fold
        ) from None


def _offer(job: Job, files: Mapping[int, TreeTarget | TarTarget]) -> Offer:
    stores = {f"oci:{name}": (path, False) for name, path in job.recipe.layouts.items()}
    written = {entry.attrs.get("dest") for entry in job.recipe.exports}
    for name, path in job.recipe.cache_dirs.items():
        stores[f"local:{name}"] = (path, name in written)
    if job.round.layout is not None and job.round.archive < 0:
        stores["export"] = (job.round.layout, True)
    return Offer(
        dirs=job.recipe.dirs,
        stores=stores,
        secrets=job.recipe.secrets,
        files=[FileSend(files)] if files else [],
    )


def _raise_own(session: Session, error: RpcError) -> None:
    """Raise the error of ours that the daemon only passes on, if it is one."""
    if session.failure is not None and session.failure.summary in error.message:
        raise session.failure from None


async def _name_caches(job: Job, response: Mapping[str, str]) -> None:
    """Enter the caches that were written into the index of their directories."""
    manifest = exports.cache_manifest(response)
    for entry in job.cell.target.cache_to:
        if entry.type == "local" and manifest is not None:
            directory = job.recipe.cache_dirs[entry.attrs["dest"]]
            await OciLayout(directory).tag(manifest, tag_of(entry))


async def _image(job: Job, response: Mapping[str, str]) -> Descriptor | None:
    if job.round.image < 0:
        return None
    found = exports.descriptor(response, job.info)
    if job.round.layout is not None and not await OciLayout(job.round.layout).exists(found):
        raise ContentError(
            f"{job.cell.id}: {job.info.name} did not send {found.digest}",
            detail="It announced that image, but did not hand it over.",
        )
    return found

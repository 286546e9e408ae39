"""Definitions of other machines: fetched, and their targets made ready to build.

Apart from `bakex.api.definition`, which reads local files and must not pay for this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.bake.remote_context import LOCAL, Origin, for_build
from bakex.errors import DefinitionError
from bakex.model.remote import is_remote
from bakex.registry.proxies import proxy_for
from bakex.sources import local, remote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.interfaces import DefinitionReader
    from bakex.model.bakefile import BakeFile
    from bakex.model.target import Target

_DOCKERFILE = "Dockerfile"


def fetch(
    settings: Settings, url: str, files: Sequence[str], stdin: Callable[[], bytes]
) -> tuple[tuple[BakeFile, ...], DefinitionReader, Origin]:
    """Fetch a definition; return its files, a reader of what they name, and where it came from.

    A tree that builds need stays on this machine as long as its `Origin`.

    Raises:
        DefinitionError: It cannot be fetched, or a file is missing.
    """
    names = local.named(files, cwd=settings.cwd, environ=settings.environ)
    found = remote.find(
        url,
        names,
        cwd=settings.cwd,
        environ=settings.environ,
        stdin=stdin,
        proxy=lambda scheme, host, port: proxy_for(scheme, host, port, settings.environ),
        workspace=settings.cache / "definitions",
    )
    # The daemon fetches repositories itself; of an archive it can build the whole only.
    directory = str(found.root) if found.root and found.archive else ""
    origin = Origin(url=url, tree=found.tree is not None, directory=directory, keeper=found.tree)
    return found.files, found.reader, origin


def as_built(settings: Settings, resolution: Resolution) -> Resolution:
    """Return the targets as they are built: their contexts found, with credentials for them.

    Pure and idempotent; the same resolution if its definition is not remote.
    """
    origin = resolution.origin
    if origin is None:
        return resolution
    names = tuple(settings.environ)
    targets = {
        name: for_build(target, origin, names) for name, target in resolution.targets.items()
    }
    return replace(resolution, targets=targets)


def check_dockerfiles(settings: Settings, resolution: Resolution) -> None:
    """Refuse a local context whose Dockerfile would be taken from it by mistake.

    The Dockerfile of a remote definition is one of its tree, which cannot be had with a local
    context; the file of that name that is there by chance is not meant (spec/bake-file 1.6).

    Raises:
        DefinitionError: Names the target.
    """
    if resolution.origin is None or not resolution.origin.tree:
        return
    for target in resolution.targets.values():
        for form in target.effective():
            _check_dockerfile(settings, form)


def _check_dockerfile(settings: Settings, target: Target) -> None:
    context, name = target.context or ".", target.dockerfile or _DOCKERFILE
    if target.dockerfile_inline or is_remote(context) or is_remote(name) or name.startswith(LOCAL):
        return
    if (settings.cwd / context / name).exists():
        raise DefinitionError(
            f"target {target.name!r}: a local context cannot have a Dockerfile of a remote tree",
            detail=f"There is a file {name!r} in the context, which the definition does not mean.",
            hint=f"write dockerfile = {LOCAL + name!r} for the local file",
        )

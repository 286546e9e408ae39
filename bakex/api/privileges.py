"""What targets ask of this machine and nobody granted, on the real file system."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.bake.entitlements import OF_FILES, Entitlement, Grant, Kind, missing
from bakex.errors import ConfigError, DefinitionError
from bakex.model.fields import boolean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.remote_context import Origin
    from bakex.bake.resolve import Resolution
    from bakex.config import Settings

_CHECK_FILES = "BUILDX_BAKE_ENTITLEMENTS_FS"
_ALLOW_REMOTE = "BAKE_ALLOW_REMOTE_FS_ACCESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Privileges that a build needs and does not have.

    Attributes:
        lacking: All of them, in the order in which they are listed.
        blocking: Those without which nothing is built. Paths and the SSH agent are none if
            ``BUILDX_BAKE_ENTITLEMENTS_FS`` is off, or, for a remote definition,
            ``BAKE_ALLOW_REMOTE_FS_ACCESS`` is on.
    """

    lacking: tuple[Entitlement, ...] = ()
    blocking: tuple[Entitlement, ...] = ()


def request(
    settings: Settings,
    resolution: Resolution,
    *,
    allow: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Request:
    """Return what targets, linked ones too, need beyond what was granted.

    Resolves the links of paths; reads no file.

    Args:
        settings: Working directory and environment.
        resolution: What is to be built.
        allow: ``--allow`` options.
        overrides: ``--set`` options: whoever names a path there allows it.

    Raises:
        UsageError: An ``--allow`` option that is malformed.
        ConfigError: ``BUILDX_BAKE_ENTITLEMENTS_FS`` or ``BAKE_ALLOW_REMOTE_FS_ACCESS`` is no
            boolean.
        DefinitionError: A target asks for an unknown entitlement.
    """
    grant = Grant.parse(allow, overrides)
    if resolution.origin is not None:
        from bakex.api.remote import as_built  # noqa: PLC0415 - few definitions are remote

        resolution = as_built(settings, resolution)
        grant = _with_tree(grant, resolution.origin)
    lacking = missing(
        resolution.targets.values(),
        grant,
        cwd=settings.cwd,
        resolve_path=os.path.realpath,
    )
    files = _checks_files(settings, remote=resolution.origin is not None)
    blocking = tuple(item for item in lacking if files or item.kind not in OF_FILES)
    return Request(lacking=lacking, blocking=blocking)


def _with_tree(grant: Grant, origin: Origin | None) -> Grant:
    """Allow what a definition came with itself: it is on this machine only to be read."""
    if origin is None or not origin.directory:
        return grant
    tree = Entitlement(Kind.READ, origin.directory)
    return Grant(entitlements=(*grant.entitlements, tree))


def _checks_files(settings: Settings, *, remote: bool) -> bool:
    """Return whether paths and the SSH agent must be granted (spec/bake-file 1.6, 5.9)."""
    allowed = _setting(settings, _ALLOW_REMOTE, default="0") if remote else False
    return _setting(settings, _CHECK_FILES, default="0" if allowed else "1")


def _setting(settings: Settings, name: str, *, default: str) -> bool:
    try:
        return boolean(settings.environ.get(name) or default, name)
    except DefinitionError as error:
        raise ConfigError(error.summary, hint=error.hint) from error

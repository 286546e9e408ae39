"""Targets of remote definitions: where their contexts are (spec/bake-file 1.6).

Pure. What a definition writes as a path is a place in the tree that it came with, not one of this
machine; ``cwd://`` means this machine.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.bake.links import is_link
from bakex.model.attributes import evolve
from bakex.model.gitref import credentials, host_of, inside
from bakex.model.remote import is_git_over_ssh, is_remote
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.model.target import Target

LOCAL = "cwd://"
_KEPT = ("docker-image:", "oci-layout://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a definition of another machine came with.

    Attributes:
        url: A git reference, or the URL of an archive or a file, as it was given.
        tree: Whether there is a tree in which contexts are: the contexts of a single file are of
            this machine.
        directory: Where the tree is on this machine, absolute, if builds are to read it from there;
            empty if the daemon can fetch it by its URL: it can take a directory out of a git
            repository, but not out of an archive.
        keeper: Keeps the directory there; nobody looks at it.
    """

    url: str
    tree: bool = True
    directory: str = ""
    keeper: object = field(default=None, repr=False, compare=False)

    def context(self, written: str) -> str:
        """Return what the context of a target is: what ``--print`` shows.

        Args:
            written: As in the definition; empty or ``.`` is the root of the tree.
        """
        if is_remote(written):
            return written
        path = clean(written.removeprefix(LOCAL))
        if written.startswith(LOCAL) or not self.tree:
            return path
        return self.url if path == "." else inside(self.url, path)

    def named(self, written: str) -> str:
        """Return what a named context is when it is built; ``--print`` shows it as written.

        Directories of this machine keep ``cwd://``, so that doing this again changes nothing.
        """
        if is_link(written) or written.startswith(_KEPT):
            return written
        if written.startswith(LOCAL):
            return LOCAL + clean(written.removeprefix(LOCAL))
        found = self.context(written)
        place = _placed(found, self)
        return found if place == found else LOCAL + place


def for_build(target: Target, origin: Origin, environ: Iterable[str]) -> Target:
    """Return a target as it is built: contexts are found, and credentials for them go along.

    Credentials are those that the definition was fetched with; they go to targets whose context is
    on the same host, and to no others.

    Args:
        target: As it is shown.
        origin: Where its definition came from.
        environ: The names of the variables that are set.
    """
    if not origin.tree:
        return target
    changes = _changes(target, origin, environ)
    if target.variants:
        # What is said of one platform only is found in the same way.
        changes["variants"] = {
            platform: {**fields, **_changes(target.for_platform(platform), origin, environ)}
            for platform, fields in target.variants.items()
        }
    return evolve(target, changes)


def _changes(target: Target, origin: Origin, environ: Iterable[str]) -> dict[str, object]:
    context = target.context or origin.url
    changes: dict[str, object] = {
        "context": _placed(context, origin),
        "contexts": {name: origin.named(value) for name, value in target.contexts.items()},
    }
    secrets = _credentials(context, origin, environ)
    if secrets:
        # As elsewhere, the last secret of a name takes the place of the first.
        both = {secret.id: secret for secret in (*target.secret, *secrets)}
        changes["secret"] = tuple(both.values())
    if not target.ssh and is_git_over_ssh(origin.url):
        changes["ssh"] = (Ssh(),)
    return changes


def _credentials(context: str, origin: Origin, environ: Iterable[str]) -> tuple[Secret, ...]:
    host = host_of(origin.url)
    if not host or not is_remote(context) or host_of(context).lower() != host.lower():
        return ()
    found = credentials(environ)
    return tuple(Secret(id=f"{secret}.{host}", env=name) for secret, name in found.items())


def _placed(context: str, origin: Origin) -> str:
    """Return the directory of a place in a tree that is on this machine."""
    if not origin.directory:
        return context
    if context == origin.url:
        return origin.directory
    start = f"{origin.url}#:"
    if not context.startswith(start):
        return context
    # What leads out of the tree is clamped to its root, as it would be in a repository.
    path = posixpath.normpath(posixpath.join("/", context.removeprefix(start)))
    return posixpath.join(origin.directory, path.lstrip("/"))


def clean(path: str) -> str:
    """Return a path of this machine as ``--print`` shows it; an empty one is ``.``."""
    # normpath keeps two leading slashes, which POSIX allows and nobody means.
    path = posixpath.normpath(path or ".")
    return path[1:] if path.startswith("//") else path

"""The FileSync service: local directories that the daemon reads during a build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread
from bakex.session.filesync.glob import PatternError
from bakex.session.filesync.send import send_tree
from bakex.session.filesync.tree import LocalDir, open_tree
from bakex.session.filesync.walk import Selection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.session.attachable import Call, Handler, Metadata
    from bakex.session.filesync.send import Sent
    from bakex.session.filesync.tree import Tree


class FileSync:
    """Offers directories by name (``context``, ``dockerfile``, names of local contexts).

    Any number of calls may run at once; a directory may be sent more than once per build.

    Attributes:
        transfers: The name and the outcome of every exchange that completed, in that order.
    """

    def __init__(self, dirs: Mapping[str, LocalDir]) -> None:
        self._dirs = dict(dirs)
        self.transfers: list[tuple[str, Sent]] = []

    def services(self) -> Mapping[str, Handler]:
        """Return the method that sends a directory."""
        return {"/moby.filesync.v1.FileSync/DiffCopy": self._diff_copy}

    async def _diff_copy(self, call: Call) -> None:
        name = call.metadata.value("dir-name")
        directory = self._dirs.get(name)
        if directory is None:
            raise CallError(Status.NOT_FOUND, f"no access allowed to dir {name!r}")
        try:
            tree, selection = await in_thread(_opened, directory, call.metadata)
            self.transfers.append((name, await send_tree(call, tree, selection)))
        except SessionError as error:
            raise CallError(Status.INTERNAL, error.summary) from error
        except PatternError as error:
            raise CallError(Status.INVALID_ARGUMENT, str(error)) from error


def _opened(directory: LocalDir, metadata: Metadata) -> tuple[Tree, Selection]:
    tree = open_tree(directory)
    selection = Selection.of(
        tree,
        include=metadata.values("include-patterns"),
        exclude=metadata.values("exclude-patterns"),
        follow=metadata.values("followpaths"),
    )
    return tree, selection

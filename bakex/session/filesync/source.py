"""The FileSync service: local directories that the daemon reads during a build."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from bakex.errors import SessionError
from bakex.session.attachable import CallError, Status
from bakex.session.blocking import in_thread
from bakex.session.filesync.glob import PatternError
from bakex.session.filesync.send import send_tree
from bakex.session.filesync.tree import LocalDir, open_tree
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.session.attachable import Call, Handler
    from bakex.session.filesync.send import Sent
    from bakex.session.filesync.tree import Tree
    from bakex.session.filesync.walk import Selection


class Observer(Protocol):
    """Is told of what was read."""

    def read(
        self, name: str, directory: LocalDir, wanted: Wanted, entries: int, since_ns: int
    ) -> None:
        """Take note of an exchange that has completed.

        Args:
            name: The directory's name.
            directory: What it was.
            wanted: What was asked for.
            entries: How many entries were listed.
            since_ns: The wall clock when the exchange began, in nanoseconds since 1970.
        """
        ...


class FileSync:
    """Offers directories by name (``context``, ``dockerfile``, names of local contexts).

    Any number of calls may run at once; a directory may be sent more than once per build.

    Attributes:
        transfers: The name and the outcome of every exchange that completed, in that order.
    """

    def __init__(self, dirs: Mapping[str, LocalDir], observer: Observer | None = None) -> None:
        self._dirs = dict(dirs)
        self._observer = observer
        self.transfers: list[tuple[str, Sent]] = []

    def services(self) -> Mapping[str, Handler]:
        """Return the method that sends a directory."""
        return {"/moby.filesync.v1.FileSync/DiffCopy": self._diff_copy}

    async def _diff_copy(self, call: Call) -> None:
        name = call.metadata.value("dir-name")
        directory = self._dirs.get(name)
        if directory is None:
            raise CallError(Status.NOT_FOUND, f"no access allowed to dir {name!r}")
        wanted, since_ns = Wanted.of(call.metadata), time.time_ns()
        try:
            tree, selection = await in_thread(_opened, directory, wanted)
            sent = await send_tree(call, tree, selection)
        except SessionError as error:
            raise CallError(Status.INTERNAL, error.summary) from error
        except PatternError as error:
            raise CallError(Status.INVALID_ARGUMENT, str(error)) from error
        self.transfers.append((name, sent))
        if self._observer is not None:
            self._observer.read(name, directory, wanted, sent.entries, since_ns)


def _opened(directory: LocalDir, wanted: Wanted) -> tuple[Tree, Selection]:
    tree = open_tree(directory)
    return tree, wanted.selection(tree)

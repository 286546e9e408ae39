"""Outputs that only wait to become visible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from bakex._util.atomic import Staged
    from bakex.interfaces import Desk
    from bakex.model.descriptor import Descriptor
    from bakex.model.publication import Publication, TagMove


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An output that is visible already, only waits for its tags, or will never be visible.

    Implements ``Finished``.
    """

    root: Descriptor | None = None
    publications: tuple[Publication, ...] = ()
    moves: tuple[TagMove, ...] = ()

    async def publish(self) -> tuple[Publication, ...]:
        """Return what is where."""
        return self.publications


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A file or directory beside its destination. Implements ``Finished``."""

    root: Descriptor | None = None
    publication: Publication
    staged: Staged
    moves: tuple[TagMove, ...] = ()

    async def publish(self) -> tuple[Publication, ...]:
        """Give it its name.

        Raises:
            OutputError: The destination cannot be replaced.
        """
        try:
            self.staged.commit()
        except OSError as error:
            raise OutputError(
                f"cannot write {self.staged.destination}", detail=error.strerror or ""
            ) from None
        return (self.publication,)


@dataclass(slots=True, kw_only=True)
class Streamed:
    """A file for standard output. Implements ``Finished``."""

    root: Descriptor | None = None
    publication: Publication
    file: Path
    desk: Desk
    moves: tuple[TagMove, ...] = ()
    is_written: bool = False

    async def publish(self) -> tuple[Publication, ...]:
        """Write it out, once.

        Raises:
            OutputError: Nobody reads standard output any more.
        """
        if not self.is_written:
            try:
                await self.desk.write_stdout(self.file)
            except OSError as error:
                raise OutputError(
                    "cannot write to standard output", detail=error.strerror or ""
                ) from None
            self.is_written = True
        return (self.publication,)

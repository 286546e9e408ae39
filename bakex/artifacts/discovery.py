"""What refers to an image, and what refers to that: signatures of SBOMs, for example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bakex.errors import ContentError

if TYPE_CHECKING:
    from bakex.interfaces import Referring
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest

MAX_DEPTH: Final = 16  # people stop at a signature of an SBOM
MAX_FOUND: Final = 10_000  # each may cost a request


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """An artifact, and what refers to it in turn."""

    descriptor: Descriptor
    referrers: tuple[Referrer, ...] = ()


async def discover(
    store: Referring, subject: Digest, artifact_type: str = ""
) -> tuple[Referrer, ...]:
    """Return everything that leads to a manifest.

    Lists of a registry are not to be trusted: one may lead in a circle, or have no end.

    Args:
        store: Where to look.
        subject: The manifest or index.
        artifact_type: Only direct referrers of this type, and what refers to these.

    Raises:
        RegistryError: The registry refused or failed.
        ContentError: A list is malformed, or there is far too much.
    """
    return await _Search(store).below(subject, artifact_type, frozenset({subject}))


class _Search:
    def __init__(self, store: Referring) -> None:
        self._store = store
        self._found = 0

    async def below(
        self, subject: Digest, artifact_type: str, above: frozenset[Digest]
    ) -> tuple[Referrer, ...]:
        entries = await self._store.referrers(subject, artifact_type)
        self._found += len(entries)
        if self._found > MAX_FOUND or (entries and len(above) > MAX_DEPTH):
            raise ContentError(f"too much refers to {subject}")
        return tuple(
            [
                Referrer(
                    descriptor=entry,
                    referrers=await self.below(entry.digest, "", above | {entry.digest}),
                )
                for entry in entries
                if entry.digest not in above
            ]
        )

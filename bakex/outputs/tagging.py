"""The one place where tags move: all tags of a publication, in one order, or none of them.

* `prepare` reads every tag and refuses what must not move; so far nobody can see anything.
* `move` goes through one list: tags of whole versions that are new, then other new ones, then those
  that exist and move, ``latest`` at the very end. A tag that is right already is left alone.
* Right before its turn a tag is read again; it moves only if it is still what it was.
* If one cannot be moved, those before it are put back, newest first, each only if it still stands
  for the new content. What can only be said about a tag, not done, is in its `State`.

No registry moves two tags at once, and none takes "only if it is still X" with a request: between
reading a tag and moving it there is a moment in which somebody else may move it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bakex._util.tasks import concurrently, to_end
from bakex.errors import (
    BakexError,
    ContentError,
    NameUnknownError,
    PublicationError,
    RegistryError,
    TagConflictError,
)
from bakex.model.publication import State, states
from bakex.oci.verified import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.interfaces import Registry, RemoteRepository
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.publication import Publication, PublishPolicy, TagMove
    from bakex.model.reference import Reference

_AT_ONCE = 16  # tags that are read at the same time
_BACK_S = 60.0  # for putting everything back; the registry may be what is broken


@dataclass(slots=True, kw_only=True, eq=False)
class _Tag:
    move: TagMove
    store: RemoteRepository
    former: Descriptor | None = None
    state: State = State.UNTOUCHED
    is_in_doubt: bool = False  # a request to move it was sent

    @property
    def former_digest(self) -> Digest | None:
        return self.former.digest if self.former is not None else None


class Tagging:
    """Moves the tags of one publication; made for one `prepare` and one `move`."""

    def __init__(
        self,
        moves: Sequence[TagMove],
        registry: Registry,
        *,
        policy: PublishPolicy,
        seen: Mapping[Reference, Digest | None],
    ) -> None:
        """Take what is to be done.

        Args:
            moves: Content of theirs is complete in its repository.
            registry: Where the tags are.
            policy: What may move, and what happens on failure.
            seen: What tags stood for when the run began; what is not in it may stand for anything.

        Raises:
            TagConflictError: A tag is to stand for two different things.
        """
        self._moves = tuple(moves)
        self._policy = policy
        self._seen = seen
        self._tags: dict[Reference, _Tag] = {}
        for move in moves:
            store = registry.repository(move.reference, insecure=move.insecure)
            tag = self._tags.setdefault(move.reference, _Tag(move=move, store=store))
            if tag.move.root.digest != move.root.digest:
                raise TagConflictError(
                    f"two different images are to be tagged {move.reference}",
                    detail=f"They are the results of {tag.move.target} and {move.target}.",
                    hint="give one of the two targets another tag",
                )

    async def prepare(self) -> None:
        """Read every tag, and make sure that it may move. Nothing moves.

        Raises:
            TagConflictError: A tag stands for something that it must not be moved away from.
            RegistryError: A registry refused or failed.
        """
        tags = list(self._tags.values())
        await concurrently([partial(self._read, tag) for tag in tags], limit=_AT_ONCE)
        conflicts = [found for tag in tags if (found := self._conflict(tag)) is not None]
        if conflicts:
            first, *others = conflicts
            raise TagConflictError(
                first.summary,
                detail="\n".join([first.detail, *(f"Also: {e.summary}" for e in others)]).strip(),
                hint=first.hint,
            )

    @property
    def pending(self) -> tuple[tuple[TagMove, Descriptor | None], ...]:
        """What `move` will move, in its order, each with what it stands for now."""
        return tuple((tag.move, tag.former) for tag in self._ordered())

    @property
    def publications(self) -> tuple[Publication, ...]:
        """What is where, in the order of the moves."""
        return tuple(move.publication(self._tags[move.reference].state) for move in self._moves)

    @property
    def is_partial(self) -> bool:
        """Whether some tags hold the new content because of this publication, and others do not."""
        found = {tag.state for tag in self._tags.values()}
        moved, done = {State.PUBLISHED, State.LEFT}, {State.PUBLISHED, State.UNCHANGED}
        return bool(found & moved) and not found <= done

    async def move(self) -> None:
        """Move the tags; see `publications` for the outcome, also after a failure.

        When cancelled it puts back what has moved before the cancellation goes on, as after a
        failure; a second cancellation ends that, too.

        Raises:
            PublicationError: A tag could not be moved.
        """
        try:
            for tag in self._ordered():
                await self._move(tag)
        except BakexError as error:
            await self._settle()
            raise self._failure(error) from error
        except asyncio.CancelledError:
            await self._settle()
            raise

    async def _read(self, tag: _Tag) -> None:
        tag.former = await present(tag.store, tag.move.reference)
        if tag.former_digest == tag.move.root.digest:
            tag.state = State.UNCHANGED
        elif tag.former is not None and self._policy.rollback:
            # A registry may throw away what has no tag any more; the client keeps what it has read.
            with contextlib.suppress(ContentError):
                await read_document(tag.store, tag.former)

    def _conflict(self, tag: _Tag) -> TagConflictError | None:
        reference, now = tag.move.reference, tag.former_digest
        if tag.state is State.UNCHANGED:
            return None
        if now is not None and self._policy.is_immutable(reference):
            return immutable(reference, now, f"The result of this run is {tag.move.root.digest}.")
        expected = self._policy.expectation(reference)
        if expected is not None:
            met = expected.anything or expected.digest == now
            return None if met else unexpected(reference, expected.digest, now)
        if reference in self._seen and self._seen[reference] != now:
            return self._overtaken(reference, self._seen[reference], now)
        return None

    @staticmethod
    def _overtaken(
        reference: Reference, before: Digest | None, now: Digest | None
    ) -> TagConflictError:
        return TagConflictError(
            f"somebody else moved {reference} during this run",
            detail=f"It stood for {before or 'nothing'} and stands for {now or 'nothing'} now.",
            hint=f"run it again, or with --expect-digest {reference}=any whatever is there",
        )

    def _ordered(self) -> list[_Tag]:
        waiting = [tag for tag in self._tags.values() if tag.state is State.UNTOUCHED]
        return sorted(waiting, key=lambda tag: rank(tag.move.reference.tag, tag.former is not None))

    async def _move(self, tag: _Tag) -> None:
        reference, root = tag.move.reference, tag.move.root
        found = await present(tag.store, reference)
        now = found.digest if found is not None else None
        if now == root.digest:
            tag.state = State.UNCHANGED
            return
        if now != tag.former_digest:
            tag.state = State.FOREIGN
            raise self._overtaken(reference, tag.former_digest, now)
        tag.is_in_doubt = True
        await to_end(partial(tag.store.tag, root, reference.tag))
        tag.state = State.PUBLISHED

    async def _settle(self) -> None:
        """Put back what has moved, or without rollback find out about the one in doubt."""
        back = [tag for tag in reversed(self._tags.values()) if tag.is_in_doubt]
        back.sort(key=lambda t: rank(t.move.reference.tag, t.former is not None), reverse=True)
        if not self._policy.rollback:
            back = [tag for tag in back if tag.state is State.UNTOUCHED]
        for tag in back:
            tag.state = State.LEFT if self._policy.rollback else State.PUBLISHED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BACK_S):
                for tag in back:
                    with contextlib.suppress(BakexError):
                        await self._put_back(tag)

    async def _put_back(self, tag: _Tag) -> None:
        reference = tag.move.reference
        now = await present(tag.store, reference)
        if now is not None and now.digest == tag.move.root.digest:
            if self._policy.rollback:
                tag.state = await self._restored(tag)
        elif (now.digest if now is not None else None) == tag.former_digest:
            tag.state = State.UNTOUCHED
        else:
            tag.state = State.FOREIGN

    async def _restored(self, tag: _Tag) -> State:
        name = tag.move.reference.tag
        if tag.former is not None:
            await tag.store.tag(tag.former, name)
            return State.RESTORED
        return State.REMOVED if await tag.store.untag(name) else State.LEFT

    def _failure(self, error: BakexError) -> PublicationError:
        left = [tag for tag in self._tags.values() if tag.state.holds_result]
        moved = [tag for tag in left if tag.state is not State.UNCHANGED]
        outcome = f"{len(moved)} tags hold the new content" if moved else "no tag has moved"
        return PublicationError(
            f"publication failed, {outcome}: {error.summary}",
            status=error.status if isinstance(error, RegistryError) else 0,
            detail="\n".join(filter(None, [error.detail, states(self.publications)])),
            hint=error.hint,
        )


async def present(store: RemoteRepository, reference: Reference) -> Descriptor | None:
    """Return what a tag stands for; None if there is no such tag, or no such repository.

    Raises:
        RegistryError: The registry refused or failed.
    """
    try:
        return await store.resolve(reference.tag)
    except NameUnknownError:
        return None


def unexpected(reference: Reference, wanted: Digest | None, now: Digest | None) -> TagConflictError:
    """Return the error for a tag that does not stand for what the user expects."""
    return TagConflictError(
        f"{reference} is not what --expect-digest says",
        detail=f"It should stand for {wanted or 'nothing'} but stands for {now or 'nothing'}.",
        hint="look at what was published there, and expect that",
    )


def immutable(reference: Reference, now: Digest, reason: str) -> TagConflictError:
    """Return the error for a tag that must not move."""
    return TagConflictError(
        f"the tag {reference} is immutable, and stands for {now}",
        detail=reason,
        hint="choose another tag for the changed content",
    )


def rank(tag: str, exists: bool) -> tuple[bool, bool, bool]:
    """Return a tag's place in the order in which tags move: the greater, the later.

    Tags that are used to stay where they are come first: whoever follows a floating tag then finds
    everything that belongs to it.
    """
    whole = re.search(r"\d+\.\d+\.\d+|[0-9a-f]{7,}|\d{6,}", tag)
    return tag == "latest", exists, whole is None

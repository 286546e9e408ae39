"""A data file after its syntax was read: plain values that know their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bakex.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bakex.diagnostics import Span

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's content.

    Attributes:
        name: The file as it is named in messages.
        value: Mappings, lists, texts, numbers, booleans and None.
        place: Returns where the key and the value at a path are; None if that is not known.
        source: The text of the file, so that lines of it can be shown.
    """

    name: str
    value: object
    place: Callable[[Path], tuple[Span, Span] | None]
    source: str = ""

    def error(
        self, path: Path, summary: str, hint: str = "", *, at_key: bool = False
    ) -> ConfigError:
        """Return the error about the value or the key at a path, or about what is around it."""
        where = path
        while (found := self.place(where)) is None and where:
            where = where[:-1]
        span = found and found[0 if at_key else 1]
        named = ".".join(map(str, path))
        return ConfigError(
            f"{named}: {summary}" if named else summary,
            detail="" if span else f"It is in {self.name}.",
            hint=hint,
            span=span,
            source=self.source,
        )

    def over(self, base: Document) -> Document:
        """Return a document of what this one sets, and of what it does not set from `base`.

        Mappings are merged key by key, anything else is replaced.
        """

        def place(path: Path) -> tuple[Span, Span] | None:
            return self.place(path) or base.place(path)

        return Document(
            name=self.name, value=_merged(base.value, self.value), place=place, source=self.source
        )


def _merged(base: object, own: object) -> object:
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    # Documents are no deeper than their reader allows, so this recursion is bounded.
    known = cast("Mapping[str, object]", base)
    new = cast("Mapping[str, object]", own)
    return {**known, **{k: _merged(known[k], v) if k in known else v for k, v in new.items()}}

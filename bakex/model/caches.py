"""One entry of ``cache-from`` or ``cache-to`` (spec/bake-file 3.2.1, buildx util/buildflags)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from bakex.model.attributes import Key
from bakex.model.fields import record, texts, write

if TYPE_CHECKING:
    from collections.abc import Mapping

from bakex.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """A cache source or destination: a type such as ``registry`` or ``local``, and attributes."""

    FORM: ClassVar[str] = "type=TYPE,key=value,... or REFERENCE,..."
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key(name="type", required=True, doc="registry, local, inline, gha, s3, azblob ..."),
    )
    OPEN: ClassVar[bool] = True

    type: str
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``type=...,key=value``, or image references alone: ``user/app:cache,user/app``.

        Raises:
            DefinitionError: Not of that form, or without a type.
        """
        found = record(text, "cache")
        if "=" not in text:
            return tuple(cls(type="registry", attrs={"ref": key}) for key, _ in found)
        attrs: dict[str, str] = {}
        for key, value in found:
            if value is None:
                raise DefinitionError(
                    f"invalid cache field {key!r}", hint="write type=TYPE,key=value"
                )
            attrs[key.lower()] = value
        return (cls.of(attrs),)

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys of an object; they keep their spelling.

        Raises:
            DefinitionError: Without a type.
        """
        attrs = texts(fields)
        kind = attrs.pop("type", "")
        if not kind:
            raise DefinitionError(
                f"cache entry without a type: {write(attrs.items()) if attrs else '{}'}",
                hint="add type=registry, type=local or another type",
            )
        return cls(type=kind, attrs=attrs)

    @property
    def key(self) -> str:
        """What makes two entries one: everything."""
        return self.format()

    def format(self) -> str:
        """Write it so that `parse` gives it back; keys in alphabetical order."""
        return write([("type", self.type), *sorted(self.attrs.items())])

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows."""
        return dict(sorted([*self.attrs.items(), ("type", self.type)]))

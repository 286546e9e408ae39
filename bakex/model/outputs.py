"""One entry of a target's ``output`` list (spec/bake-file 3.2.2, buildx util/buildflags)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Self

from bakex.errors import DefinitionError
from bakex.model.attributes import Key
from bakex.model.fields import record, texts, write

if TYPE_CHECKING:
    from collections.abc import Mapping

STDOUT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where and how a result goes.

    Attributes:
        type: ``image``, ``registry``, ``oci``, ``docker``, ``local``, ``tar`` or ``cacheonly``.
        dest: Path, or ``-`` for standard output; empty where the type needs none.
        attrs: Everything else, as given.
    """

    FORM: ClassVar[str] = "type=TYPE,dest=PATH,key=value,... or DIRECTORY or -"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key(
            name="type",
            required=True,
            doc="image, registry, oci, docker, local, tar or cacheonly",
        ),
        Key(name="dest", doc="Where it is written; - is standard output."),
    )
    OPEN: ClassVar[bool] = True

    type: str
    dest: str = ""
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``type=...,dest=...,key=value``; ``-`` is a tar stream, any other word a directory.

        A single field that does not start with exactly ``type=`` is the name of a directory, even
        if there is an ``=`` in it.

        Raises:
            DefinitionError: Not of that form, or without a type.
        """
        found = record(text, "output")
        if len(found) == 1 and not text.startswith(("type=", '"')):
            return (cls(type="tar" if text == STDOUT else "local", dest=text),)
        fields: dict[str, object] = {}
        for key, value in found:
            if value is None:
                raise DefinitionError(
                    f"invalid output field {key!r}", hint="write type=TYPE,dest=PATH,key=value"
                )
            fields[key.strip().lower()] = value
        return (cls.of(fields),)

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys of an object.

        Raises:
            DefinitionError: Without a type.
        """
        attrs = texts(fields)
        kind, dest = attrs.pop("type", ""), attrs.pop("dest", "")
        if not kind:
            raise DefinitionError(
                "output without a type", hint="add type=image, type=local or another type"
            )
        return cls(type=kind, dest=dest, attrs=attrs)

    @property
    def key(self) -> str:
        """What makes two outputs one: everything."""
        return self.format()

    @property
    def pushes(self) -> bool:
        """Whether the result goes to a registry."""
        return self.type == "registry" or (
            self.type == "image" and self.attrs.get("push", "false").lower() in {"true", "1", "t"}
        )

    @property
    def unpacked(self) -> bool:
        """Whether ``oci`` and ``docker`` write a directory, not an archive (``tar=false``)."""
        return self.attrs.get("tar", "true").lower() in {"false", "0", "f"}

    def completed(self) -> Self:
        """Return it with the destination that its type implies, checked as far as text allows.

        Raises:
            DefinitionError: A destination is missing or cannot be standard output.
        """
        directory = self.type == "local" or (self.type in {"oci", "docker"} and self.unpacked)
        if directory and not self.dest:
            raise DefinitionError(
                f"output of type {self.type!r} needs a destination", hint="add dest=DIRECTORY"
            )
        if directory and self.dest == STDOUT:
            raise DefinitionError(
                f"output of type {self.type!r} cannot go to standard output",
                hint="add dest=DIRECTORY",
            )
        if self.type in {"tar", "oci"} and not self.dest:
            return replace(self, dest=STDOUT)
        return self

    def format(self) -> str:
        """Write it so that `parse` gives it back; keys in alphabetical order."""
        dest = [("dest", self.dest)] if self.dest else []
        return write([("type", self.type), *dest, *sorted(self.attrs.items())])

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows."""
        dest = [("dest", self.dest)] if self.dest else []
        return dict(sorted([*self.attrs.items(), *dest, ("type", self.type)]))

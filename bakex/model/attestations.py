"""One entry of a target's ``attest`` list (spec/bake-file 3.2.5, buildx util/buildflags)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from bakex.errors import DefinitionError
from bakex.model.attributes import Key, Shape
from bakex.model.fields import boolean, record, texts, write

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A kind of attestation (``provenance``, ``sbom``), whether it is off, and its attributes."""

    FORM: ClassVar[str] = "type=TYPE,key=value,..."
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key(name="type", doc="provenance or sbom"),
        Key(name="disabled", shape=Shape.BOOLEAN, doc="Whether it is not made."),
    )
    OPEN: ClassVar[bool] = True

    type: str
    disabled: bool = False
    attrs: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``type=...[,disabled=BOOL][,key=value]``; keys keep their case.

        Raises:
            DefinitionError: Not of that form, or without a type.
        """
        fields: dict[str, object] = {}
        for key, value in record(text, "attestation"):
            if value is None:
                raise DefinitionError(
                    f"invalid attestation field {key!r}", hint="write type=TYPE,key=value"
                )
            fields[key] = value
        if not fields.get("type"):
            raise DefinitionError(
                f"attestation without a type: {text!r}", hint="add type=provenance or type=sbom"
            )
        return (cls.of(fields),)

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys of an object; the type may be missing there, as in the reference.

        Raises:
            DefinitionError: ``disabled`` is not a boolean.
        """
        attrs = texts(fields)
        kind, disabled = attrs.pop("type", ""), attrs.pop("disabled", "false")
        return cls(type=kind, disabled=boolean(disabled, "'disabled'"), attrs=attrs)

    @property
    def key(self) -> str:
        """What makes a later entry replace an earlier one: the type."""
        return self.type

    def format(self) -> str:
        """Write it so that `parse` gives it back; keys in alphabetical order."""
        disabled = [("disabled", "true")] if self.disabled else []
        return write([("type", self.type), *disabled, *sorted(self.attrs.items())])

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows."""
        found: dict[str, object] = {**self.attrs, "type": self.type}
        if self.disabled:
            found["disabled"] = True
        return dict(sorted(found.items()))

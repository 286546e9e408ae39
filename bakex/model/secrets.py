"""Build secrets: where a value comes from, never the value itself (spec/bake-file 3.2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from bakex.errors import DefinitionError
from bakex.model.attributes import Key
from bakex.model.fields import record, texts, write

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = {"id": "id", "src": "src", "source": "src", "env": "env", "type": "type"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret by its id and its source.

    Attributes:
        id: What ``RUN --mount=type=secret,id=`` names.
        src: Path of a file; empty if not from a file.
        env: Name of an environment variable; empty if not from one. With neither, the variable
            named like the id is used if it is set, else the file named like the id.
    """

    FORM: ClassVar[str] = "id=NAME,src=FILE or id=NAME,env=NAME"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key(name="id", required=True, doc="What RUN --mount=type=secret,id= names."),
        Key(name="src", doc="The file that holds the value."),
        Key(name="env", doc="The environment variable that holds the value."),
    )
    OPEN: ClassVar[bool] = False

    id: str
    src: str = ""
    env: str = ""

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``id=...[,src=FILE|,env=NAME][,type=file|env]``.

        ``type=env`` makes ``src`` the name of a variable where no ``env`` is given.

        Raises:
            DefinitionError: Not of that form.
        """
        fields = {"id": "", "src": "", "env": "", "type": ""}
        for key, value in record(text, "secret"):
            name = _FIELD.get(key.lower(), "")
            if value is None or not name:
                raise DefinitionError(
                    f"invalid secret field {key!r}",
                    hint="write id=NAME,src=FILE or id=NAME,env=NAME",
                )
            fields[name] = value
        kind = fields.pop("type")
        if kind not in {"", "file", "env"}:
            raise DefinitionError(
                f"unknown secret type {kind!r}", hint="write type=file or type=env"
            )
        if kind == "env" and not fields["env"]:
            fields["env"], fields["src"] = fields["src"], ""
        return (cls(**fields),)

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys ``id``, ``src`` and ``env`` of an object; others are ignored."""
        found = texts({key: fields[key] for key in ("id", "src", "env") if key in fields})
        return cls(id=found.get("id", ""), src=found.get("src", ""), env=found.get("env", ""))

    @property
    def key(self) -> str:
        """What makes a later entry replace an earlier one: the id."""
        return self.id

    def format(self) -> str:
        """Write it so that `parse` gives it back."""
        return write([("id", self.id), *self._sources()])

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows; it never holds the value."""
        return dict([*([("id", self.id)] if self.id else []), *self._sources()])

    def _sources(self) -> list[tuple[str, str]]:
        return [(k, v) for k, v in (("src", self.src), ("env", self.env)) if v]


class SecretValue:
    """The value of a secret: shows nothing of itself however it is printed."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the value; call this only where it is sent."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret's value is not serialised")

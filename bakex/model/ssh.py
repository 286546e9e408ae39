"""One entry of a target's ``ssh`` list (spec/bake-file 3.2.4, buildx util/buildflags)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

from bakex.errors import DefinitionError
from bakex.model.attributes import Key, Shape
from bakex.model.fields import texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """An SSH agent (or keys) for build steps: an id, and sockets or key files (none: the agent)."""

    FORM: ClassVar[str] = "ID or ID=PATH,..."
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key(name="id", doc="What RUN --mount=type=ssh,id= names; default if it is left out."),
        Key(name="paths", shape=Shape.STRINGS, doc="Agent sockets or key files; none: the agent."),
    )
    OPEN: ClassVar[bool] = False

    id: str = DEFAULT
    paths: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``id[=path[,path...]]``; an empty id is ``default``. Never fails."""
        name, _, paths = text.partition("=")
        return (cls(id=name or DEFAULT, paths=tuple(paths.split(",")) if paths else ()),)

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys ``id`` and ``paths`` of an object; others are ignored.

        Raises:
            DefinitionError: ``paths`` is not a list of texts.
        """
        paths = fields.get("paths")
        if paths is not None and not isinstance(paths, (list, tuple)):
            raise DefinitionError("invalid value of 'paths'", detail="A list is wanted here.")
        listed = cast("Sequence[object]", paths or ())
        if not all(isinstance(path, str) for path in listed):
            raise DefinitionError("invalid value of 'paths'", detail="Its elements must be texts.")
        name = texts({"id": fields.get("id")}).get("id") or DEFAULT
        return cls(id=name, paths=tuple(cast("Sequence[str]", listed)))

    @property
    def key(self) -> str:
        """What makes a later entry replace an earlier one: the id."""
        return self.id

    def format(self) -> str:
        """Write it so that `parse` gives it back."""
        return f"{self.id}={','.join(self.paths)}" if self.paths else self.id

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows."""
        return {"id": self.id, **({"paths": list(self.paths)} if self.paths else {})}

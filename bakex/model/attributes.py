"""The vocabulary in which a target's attributes are declared, once each.

The merger, the ``--set`` parser, the HCL/JSON/compose readers, ``--print``, the JSON Schema and the
reference documentation are loops over this table. Nothing else lists attribute names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, TypeVar, cast

if TYPE_CHECKING:
    from dataclasses import Field

_KEY = "bakex.attr"


class Merge(Enum):
    """How a later value joins an earlier one (files, repeated blocks, ``inherits``)."""

    REPLACE = "replace"  # the later one, when it is set
    EXTEND = "extend"  # earlier then later, duplicates dropped
    APPEND = "append"  # earlier then later, everything kept
    UPDATE = "update"  # by key; the earlier entry keeps its place


class Shape(Enum):
    """The form of a value in a bake file and in ``--print``."""

    STRING = "string"
    BOOLEAN = "boolean"
    STRINGS = "strings"  # list of strings
    MAPPING = "mapping"  # map of strings
    COMPOSITES = "composites"  # list of strings or objects; `Attr.composite` reads both
    OBJECT = "object"


class Key(NamedTuple):
    """A key of the object form of a composite value, for the reference page and the schema.

    Attributes:
        name: Its spelling.
        doc: What it says, in a few words.
        shape: Form of the value: text, boolean (as text, too), a list of texts, or for
            `Shape.COMPOSITES` a list of objects of texts.
        values: The only values that it can have; empty if there are others.
        required: Whether the object cannot do without.
        printed: Whether only ``--print`` spells it so; null is unset there.
    """

    name: str
    doc: str
    shape: Shape = Shape.STRING
    values: tuple[str, ...] = ()
    required: bool = False
    printed: bool = False


class Composite(Protocol):
    """A value that is written as text or as an object: an output, a secret ...

    Attributes:
        FORM: The text form, in words.
        KEYS: The keys of the object form that mean something to all of its kinds.
        OPEN: Whether there may be further keys: attributes of one kind of it.
    """

    FORM: ClassVar[str]
    KEYS: ClassVar[tuple[Key, ...]]
    OPEN: ClassVar[bool]

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read text, usually into one value; the inverse of `format`.

        Raises:
            DefinitionError: Not of the form.
        """
        ...

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys of an object; values have the shapes of `KEYS`, else are texts.

        Raises:
            DefinitionError: A key that is missing, or a value that it cannot have.
        """
        ...

    @property
    def key(self) -> str:
        """Equal for two values of which the later replaces the earlier."""
        ...

    def format(self) -> str:
        """Write it as text."""
        ...

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows, keys in their order there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attr:
    """The declaration of one attribute.

    Attributes:
        name: Spelling in bake files and in ``--print``; ``BLOCK.KEY`` for what is not an attribute
            of the target itself but of a block in it.
        shape: Form of the value.
        merge: How inheritance, repeated blocks and later files combine values.
        set_name: Spelling under ``--set``; empty when it cannot be overridden.
        escaped: Whether ``--print`` escapes template markers in its texts.
        composite: The type of the elements, for `Shape.COMPOSITES`.
        set_extends: Whether ``--set`` with ``=`` joins the list as ``+=`` does.
        nullable: Whether null means unset; it is an error otherwise.
        sparse: Whether a null element leaves its key alone; it is an error otherwise.
        blank_removes: Whether an empty element removes its key.
        per_platform: Whether a ``platform`` block can set it: it says how one image is built, not
            what becomes of the result as a whole.
        compose: The key of a compose file that means the same; empty if there is none.
        extension: Whether it is bakex's own.
        values: The texts that there are; empty for any.
        example: The attribute as it may stand in a bake file, for the reference page.
        doc: One sentence for the reference page and the schema.
    """

    name: str
    shape: Shape
    merge: Merge
    set_name: str = ""
    escaped: bool = False
    composite: type[Composite] | None = None
    set_extends: bool = False
    nullable: bool = True
    sparse: bool = False
    blank_removes: bool = False
    per_platform: bool = False
    compose: str = ""
    extension: bool = False
    values: tuple[str, ...] = ()
    example: str = ""
    doc: str

    @property
    def block(self) -> str:
        """The block in the target that has it; empty for the target itself."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """Its spelling where it is written: the name without the block."""
        return self.name.rpartition(".")[2]

    def field(self, default: Any) -> Any:  # noqa: ANN401 - dataclasses.field is typed so, too
        """Return the dataclass field of this attribute."""
        if isinstance(default, Mapping):
            # Python 3.11's dataclasses take an unhashable default for a mutable one.
            shared = cast("Mapping[str, Any]", default)
            return field(default_factory=lambda: shared, metadata={_KEY: self})
        return field(default=default, metadata={_KEY: self})


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def declared(cls: type[_Dataclass] | _Dataclass) -> dict[str, tuple[str, Attr]]:
    """Return bake name -> (field name, declaration), in the order in which they are printed."""
    found: dict[str, tuple[str, Attr]] = {}
    for item in fields(cls):
        attr: object = item.metadata.get(_KEY)
        if isinstance(attr, Attr):
            found[attr.name] = (item.name, attr)
    return found


_T = TypeVar("_T", bound=_Dataclass)


def evolve(value: _T, changes: Mapping[str, Any]) -> _T:
    """Return a copy with fields replaced: the one place where the table defeats typing."""
    return replace(value, **changes)

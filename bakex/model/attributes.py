"""The vocabulary in which a target's attributes are declared, once each.

The merger, the ``--set`` parser, the HCL/JSON/compose readers, ``--print``, the JSON Schema and the
reference documentation are loops over this table. Nothing else lists attribute names.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import Field

_KEY = "bakex.attr"


class Merge(Enum):
    """How a later value joins an earlier one (files, repeated blocks, ``inherits``)."""

    REPLACE = "replace"  # the later one, when it is set
    EXTEND = "extend"  # earlier then later, duplicates dropped
    UPDATE = "update"  # by key; the earlier entry keeps its place


class Shape(Enum):
    """The form of a value in a bake file and in ``--print``."""

    STRING = "string"
    BOOLEAN = "boolean"
    STRINGS = "strings"  # list of strings
    MAPPING = "mapping"  # map of strings
    COMPOSITES = "composites"  # list of strings or objects; the field's type parses both
    OBJECT = "object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attr:
    """The declaration of one attribute.

    Attributes:
        name: Spelling in bake files and in ``--print``.
        shape: Form of the value.
        merge: How inheritance, repeated blocks and later files combine values.
        set_name: Spelling under ``--set``; empty when it cannot be overridden.
        escaped: Whether ``--print`` escapes template markers in its texts.
        doc: One sentence for the reference page and the schema.
    """

    name: str
    shape: Shape
    merge: Merge
    set_name: str = ""
    escaped: bool = False
    doc: str

    def field(self, default: Any) -> Any:  # noqa: ANN401 - dataclasses.field is typed so, too
        """Return the dataclass field of this attribute."""
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

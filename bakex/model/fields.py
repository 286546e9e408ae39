"""What the composite values have in common: key=value records, and the texts of objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._util import csvfields
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def record(text: str, what: str) -> tuple[tuple[str, str | None], ...]:
    """Split ``key=value,key=value``; the value is None where there is no ``=``.

    Args:
        text: One CSV record.
        what: Names the kind of value in the message.

    Raises:
        DefinitionError: The quotes of the record do not match.
    """
    try:
        return csvfields.pairs(text)
    except csvfields.CsvError as error:
        raise DefinitionError(f"invalid {what} {text!r}", detail=f"As CSV: {error}.") from error


def write(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a record of ``key=value`` fields; the inverse of `record`."""
    return csvfields.join(f"{key}={value}" for key, value in pairs)


def texts(fields: Mapping[str, object]) -> dict[str, str]:
    """Return the fields of an object whose values must be texts; those that are None are unset.

    Raises:
        DefinitionError: A value is a list or an object.
    """
    found: dict[str, str] = {}
    for key, value in fields.items():
        if value is None:
            continue
        if not isinstance(value, str):
            raise DefinitionError(f"invalid value of {key!r}", detail="A text is wanted here.")
        found[key] = value
    return found


def boolean(text: str, what: str) -> bool:
    """Read a boolean in any of Go's spellings: ``1 t T TRUE true True 0 f F FALSE false False``.

    Raises:
        DefinitionError: Another spelling.
    """
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise DefinitionError(f"invalid value {text!r} for {what}", hint="write true or false")

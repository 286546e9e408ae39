"""The keys of a target's ``resources`` object (spec/bake-file 3.1)."""

from __future__ import annotations

import re
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex._util.units import parse_size
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(Enum):
    """What the value of a key is."""

    SIZE = "size"  # bytes, with an optional unit
    INTEGER = "integer"  # 64 bits, signed
    TEXT = "text"  # a list of CPUs or memory nodes


# In the order of --print.
KEYS: Mapping[str, Kind] = MappingProxyType(
    {
        "memory": Kind.SIZE,
        "memory-swap": Kind.SIZE,
        "cpu-shares": Kind.INTEGER,
        "cpu-period": Kind.INTEGER,
        "cpu-quota": Kind.INTEGER,
        "cpuset-cpus": Kind.TEXT,
        "cpuset-mems": Kind.TEXT,
    }
)
DOCS: Mapping[str, str] = MappingProxyType(
    {
        "memory": "Memory of a step, in bytes or with a unit.",
        "memory-swap": "Memory and swap together; -1 is no limit.",
        "cpu-shares": "Weight against other steps.",
        "cpu-period": "Period of the CPU quota, in microseconds.",
        "cpu-quota": "CPU time in each period, in microseconds.",
        "cpuset-cpus": "CPUs, such as 0-3,5.",
        "cpuset-mems": "Memory nodes, likewise.",
    }
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_LIMIT = 1 << 63


def check(key: str, value: str) -> None:
    """Check one field.

    Raises:
        DefinitionError: An unknown key, or a value that it cannot have.
    """
    kind = KEYS.get(key)
    if kind is None:
        raise DefinitionError(f"unknown resource {key!r}", hint=f"the keys are {', '.join(KEYS)}")
    if kind is Kind.INTEGER and not (_INTEGER.fullmatch(value) and -_LIMIT <= int(value) < _LIMIT):
        raise DefinitionError(
            f"invalid value {value!r} of resource {key!r}", hint="write an integer of 64 bits"
        )
    # Swap may be -1: as much as the host allows.
    if kind is Kind.SIZE and not (key == "memory-swap" and value == "-1"):
        try:
            parse_size(value)
        except ValueError as error:
            raise DefinitionError(
                f"invalid value {value!r} of resource {key!r}", hint="write a size such as 512m"
            ) from error


def document(values: Mapping[str, str]) -> dict[str, object]:
    """Return the object that ``--print`` shows."""
    return {
        key: int(values[key]) if kind is Kind.INTEGER else values[key]
        for key, kind in KEYS.items()
        if key in values
    }

"""Resource limits of build steps: ``name=soft[:hard]`` (docker/go-units, ``ParseUlimit``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bakex.errors import DefinitionError

NAMES = frozenset(
    {
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc",
        "rss", "rtprio", "rttime", "sigpending", "stack",
    }
)  # fmt: skip
UNLIMITED = -1
_LIMITS = re.compile(r"([+-]?[0-9]{1,19})(?::([+-]?[0-9]{1,19}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A limit in the kernel's units (files, bytes, seconds ...); -1 is no limit."""

    name: str
    soft: int
    hard: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``name=soft[:hard]``; the hard limit is the soft one if it is left out.

        Raises:
            DefinitionError: Another form, an unknown name, or a soft limit above the hard one.
        """
        name, equals, limits = text.partition("=")
        match = _LIMITS.fullmatch(limits)
        if not equals or match is None:
            raise DefinitionError(f"invalid ulimit {text!r}", hint="write name=soft[:hard]")
        if name not in NAMES:
            raise DefinitionError(
                f"unknown ulimit {name!r}", hint=f"the names are {', '.join(sorted(NAMES))}"
            )
        soft = int(match[1])
        hard = soft if match[2] is None else int(match[2])
        if hard != UNLIMITED and (soft == UNLIMITED or soft > hard):
            raise DefinitionError(
                f"invalid ulimit {text!r}", detail="The soft limit is above the hard limit."
            )
        return cls(name=name, soft=soft, hard=hard)

    def format(self) -> str:
        """Write it so that `parse` gives it back."""
        return f"{self.name}={self.soft}:{self.hard}"

"""A bake file as it was found: its name, its bytes and what the name says about its form.

A value: whoever has the text of a file can make one, without a file system. Source: spec/bake-file
1.1, 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.diagnostics import Diagnostic

STDIN = "-"
MAX_SIZE = 16 * 1024 * 1024  # bytes; a bake file is text that people write


class Syntax(Enum):
    """How a file is written."""

    NATIVE = "native"
    JSON = "json"
    YAML = "yaml"
    EITHER = "either"  # the name does not tell: what can be read is what it is

    @classmethod
    def of(cls, name: str) -> Syntax:
        """Return what the name of a file says (spec/bake-file 1.2).

        The case of letters counts for all but YAML, as in the reference: ``x.HCL`` tells nothing.
        """
        if name.lower().endswith((".yml", ".yaml")):
            return cls.YAML
        if name.endswith(".hcl"):
            return cls.NATIVE
        return cls.JSON if name.endswith(".json") else cls.EITHER


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeFile:
    """One definition file, not parsed.

    Attributes:
        name: As the user wrote it; ``-`` is standard input.
        content: All of its bytes; never empty.
        syntax: What its name says about its form.
        warnings: What was odd when it was looked for.
        remote: Whether it came from another machine: paths are not relative to it.
    """

    name: str
    content: bytes
    syntax: Syntax
    warnings: tuple[Diagnostic, ...] = ()
    remote: bool = False

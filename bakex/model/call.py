"""Frontend methods that run instead of a build: ``check``, ``outline`` (spec/bake-file 5.8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from bakex.errors import DefinitionError
from bakex.model.fields import boolean, record, write

if TYPE_CHECKING:
    from collections.abc import Mapping

LINT = "lint"
_SYNONYMS = {"check": LINT, "build": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask of the frontend.

    Attributes:
        name: The method; ``check`` is ``lint`` here, and empty is an ordinary build.
        format: ``json`` or ``text``; empty leaves it to the default.
        ignore_status: Whether a bad result still counts as success.
    """

    name: str
    format: str = ""
    ignore_status: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME[,format=FORMAT][,ignorestatus=BOOL]``; empty text is a build.

        Raises:
            DefinitionError: Not of that form.
        """
        name, style, ignore = "", "", False
        for position, (key, value) in enumerate(record(text, "call") if text else ()):
            if position == 0 and value is None:
                name = key
            elif key == "format" and value is not None:
                style = value
            elif key == "ignorestatus" and value is not None:
                ignore = boolean(value, "ignorestatus")
            else:
                raise DefinitionError(
                    f"invalid call {text!r}", hint="write METHOD[,format=json][,ignorestatus=true]"
                )
        return cls(name=_SYNONYMS.get(name, name), format=style, ignore_status=ignore)

    def write(self) -> str:
        """Write it so that `parse` gives it back."""
        pairs = [("format", self.format)] if self.format else []
        pairs += [("ignorestatus", "true")] if self.ignore_status else []
        return ",".join([self.name or "build", *([write(pairs)] if pairs else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a frontend answered to a call.

    Attributes:
        fields: ``result.json``, ``result.txt``, ``version``, ``result.statuscode`` and whatever
            else it said; which ones there are depends on the method.
        filename: What the frontend calls the Dockerfile.
        dockerfile: What the user calls it; ``inline`` if it has no file.
    """

    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    filename: str = ""
    dockerfile: str = ""

    @property
    def status(self) -> int:
        """The frontend's verdict as an exit code; 0 for none."""
        text = self.fields.get("result.statuscode", "")
        return int(text) if text.isdecimal() and text.isascii() else 0

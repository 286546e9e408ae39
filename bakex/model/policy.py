"""One entry of a target's ``policy`` list (spec/bake-file 3.2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self, cast

from bakex.errors import DefinitionError
from bakex.model.attributes import Key, Shape
from bakex.model.fields import boolean, record, texts, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FILES = "Files"
_SPELLED = {"Reset": "reset", "Disabled": "disabled", "Strict": "strict", "LogLevel": "log-level"}
_LEVELS = ("panic", "fatal", "error", "warn", "warning", "info", "debug", "trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A source policy: files, and how they are applied.

    Attributes:
        files: Names of policy files.
        reset: Drops the policies of earlier entries.
        disabled: Switches policies off.
        strict: Whether a violation fails the build; None leaves it to the default.
        log_level: How much the evaluation tells; empty leaves it to the default.
    """

    FORM: ClassVar[str] = "filename=FILE,reset=BOOL,disabled=BOOL,strict=BOOL,log-level=LEVEL"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key(name="filename", doc="A policy file."),
        Key(name="reset", shape=Shape.BOOLEAN, doc="Whether earlier policies are dropped."),
        Key(name="disabled", shape=Shape.BOOLEAN, doc="Whether policies are switched off."),
        Key(name="strict", shape=Shape.BOOLEAN, doc="Whether a violation fails the build."),
        Key(name="log-level", values=_LEVELS, doc="How much the evaluation tells."),
        Key(name="Files", shape=Shape.COMPOSITES, printed=True, doc="The policy files."),
        Key(name="Reset", shape=Shape.BOOLEAN, printed=True, doc="The same as reset."),
        Key(name="Disabled", shape=Shape.BOOLEAN, printed=True, doc="The same as disabled."),
        Key(name="Strict", shape=Shape.BOOLEAN, printed=True, doc="The same as strict."),
        Key(name="LogLevel", values=_LEVELS, printed=True, doc="The same as log-level."),
    )
    OPEN: ClassVar[bool] = False

    files: tuple[str, ...] = ()
    reset: bool = False
    disabled: bool = False
    strict: bool | None = None
    log_level: str = ""

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read ``filename=...,reset=BOOL,disabled=BOOL,strict=BOOL,log-level=LEVEL``.

        Raises:
            DefinitionError: Not of that form.
        """
        found = record(text, "policy")
        for key, value in found:
            if not value:
                raise DefinitionError(
                    f"invalid policy field {key!r}", hint="write key=value, such as filename=FILE"
                )
        return (cls._of((key.lower(), value or "") for key, value in found),)

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self:
        """Make one of the keys of an object: those of `parse`, or those that ``--print`` shows.

        Raises:
            DefinitionError: An unknown key, or a value that it cannot have.
        """
        own = {name: value for name, value in fields.items() if name != _FILES}
        printed = cast("Sequence[Mapping[str, str | None]]", fields.get(_FILES) or ())
        files = [("filename", file.get("Filename") or "") for file in printed]
        pairs = ((_SPELLED.get(name, name), value) for name, value in texts(own).items())
        return cls._of([*files, *pairs])

    @classmethod
    def _of(cls, fields: Iterable[tuple[str, str]]) -> Self:
        files: list[str] = []
        flags: dict[str, bool] = {}
        level = ""
        for key, value in fields:
            if key == "filename":
                files += [value] if value else []
            elif key in {"reset", "disabled", "strict"}:
                flags[key] = boolean(value, f"policy field {key!r}")
            elif key == "log-level" and value.lower() in _LEVELS:
                level = value.lower()
            else:
                raise DefinitionError(
                    f"invalid policy field {f'{key}={value}'!r}",
                    hint="the fields are filename, reset, disabled, strict and log-level",
                )
        return cls(
            files=tuple(files),
            reset=flags.get("reset", False),
            disabled=flags.get("disabled", False),
            strict=flags.get("strict"),
            log_level="warning" if level == "warn" else level,
        )

    @property
    def key(self) -> str:
        """Identity; entries are never merged, so nothing compares it."""
        return self.format()

    def format(self) -> str:
        """Write it so that `parse` gives it back; an entry that says nothing is ``reset=false``."""
        pairs = [("filename", name) for name in self.files]
        pairs += [("reset", "true")] if self.reset else []
        pairs += [("disabled", "true")] if self.disabled else []
        pairs += [("strict", str(self.strict).lower())] if self.strict is not None else []
        pairs += [("log-level", self.log_level)] if self.log_level else []
        return write(pairs or [("reset", "false")])

    def document(self) -> dict[str, object]:
        """Return the object that ``--print`` shows, with the reference's capitalised keys."""
        return {
            "Files": [{"Filename": name, "Data": None} for name in self.files] or None,
            "Reset": self.reset,
            "Disabled": self.disabled,
            "Strict": self.strict,
            "LogLevel": self.log_level or None,
        }

"""Build secrets: where a value comes from, never the value itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret by its id and its source.

    Attributes:
        id: What ``RUN --mount=type=secret,id=`` names.
        src: Path of a file; empty if not from a file.
        env: Name of an environment variable; empty if not from one. With neither, the variable
            named like the id is used if it is set, else the file named like the id.
    """

    id: str
    src: str = ""
    env: str = ""


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

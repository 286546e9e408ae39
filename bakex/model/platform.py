"""Platforms: ``os/architecture[/variant]``, normalised by containerd's rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
    "i686": ("386", ""),
}
_OPERATING_SYSTEMS = {"macos": "darwin"}
_KNOWN_OS = frozenset(
    {"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "wasip1", "js"}
)
_KNOWN_ARCHITECTURES = frozenset(
    {
        "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
        "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
    }
)  # fmt: skip
_PART = re.compile(r"[a-z0-9._-]+")


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """A normalised platform; equal platforms compare equal however they were written."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read and normalise; a lone architecture means Linux. Idempotent over `str`.

        Raises:
            DefinitionError: Not of that form.
        """
        parts = text.strip().lower().split("/")
        if len(parts) == 1 and (parts[0] in _KNOWN_ARCHITECTURES or parts[0] in _ARCHITECTURES):
            parts = ["linux", *parts]
        well_formed = all(_PART.fullmatch(part) for part in parts)
        if not (well_formed and 2 <= len(parts) <= 3):
            raise DefinitionError(
                f"invalid platform {text!r}", hint="write os/arch or os/arch/variant"
            )
        name, architecture, variant = (*parts, "")[:3]
        return cls.of(name, architecture, variant)

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "") -> Self:
        """Return the normalised platform of three fields, as image configs carry them."""
        architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
        variant = variant or implied
        match architecture, variant.removeprefix("v"):
            case ("arm64", "8") | ("amd64", "1"):
                variant = ""
            case ("arm", "" | "7"):
                variant = "v7"
            case ("arm", "5" | "6" | "8"):
                variant = "v" + variant.removeprefix("v")
            case _:
                pass
        return cls(_OPERATING_SYSTEMS.get(os, os), architecture, variant)

    @property
    def directory(self) -> str:
        """Its name in split local outputs, as BuildKit spells it: ``linux_arm_v7``."""
        return str(self).replace("/", "_")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def split_platforms(texts: Iterable[str]) -> tuple[str, ...]:
    """Return one platform per element; each of `texts` may hold several, separated by commas."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def named(word: str) -> Platform | None:
    """Return the platform that one element of a list names; None if only a node can tell.

    That is so for ``local`` and for an operating system alone.

    Raises:
        DefinitionError: A malformed platform.
    """
    alone = word.strip().lower()
    if alone == "local" or alone in _KNOWN_OS:
        return None
    return Platform.parse(word)


def is_known(text: str) -> bool:
    """Return whether a single token names an operating system or an architecture."""
    word = text.strip().lower()
    return word in _KNOWN_OS or word in _KNOWN_ARCHITECTURES or word in _ARCHITECTURES

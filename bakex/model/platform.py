"""Platforms: ``os[(version+feature...)]/architecture[/variant]``, by containerd's rules.

The rules are those of containerd/platforms 1.0: database.go normalises, platforms.go reads and
writes, compare.go and variant.go say which machine runs which platform.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
    "i686": "386",
}
# These names stand for one variant, whatever is written behind them.
_IMPLIED = {"armhf": "v7", "armel": "v6", "i386": "", "i686": ""}
_VARIANTS = {
    ("amd64", "1"): "",
    ("amd64", "v1"): "",
    ("arm64", "8"): "",
    ("arm64", "v8"): "",
    ("arm64", "v8.0"): "",
    ("arm64", "9"): "v9",
    ("arm64", "9.0"): "v9",
    ("arm64", "v9.0"): "v9",
    ("arm", ""): "v7",
    **{("arm", digit): f"v{digit}" for digit in "5678"},
}
# What no variant means where variants have a lowest one; elsewhere such code asks for nothing.
_LOWEST = {"amd64": "v1", "arm": "v5", "arm64": "v8"}
_OPERATING_SYSTEMS = {"macos": "darwin"}
_KNOWN_OS = frozenset(
    {
        "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux",
        "nacl", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos",
    }
)  # fmt: skip
_KNOWN_ARCHITECTURES = frozenset(
    {
        "386", "amd64", "amd64p32", "arm", "arm64", "arm64be", "armbe", "loong64", "mips", "mips64",
        "mips64le", "mips64p32", "mips64p32le", "mipsle", "ppc", "ppc64", "ppc64le", "riscv",
        "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
    }
)  # fmt: skip
_PART = re.compile(r"[A-Za-z0-9._-]+")
_OS = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?")
_ESCAPES = str.maketrans({character: f"%{ord(character):02X}" for character in "%+()/"})
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")
_NUMBERED = re.compile(r"([a-z]*)([0-9]{1,9}(?:\.[0-9]{1,9})*)(.*)")


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """A normalised platform; equal platforms compare equal however they were written.

    Attributes:
        os_version: What must be the version of the operating system; Windows images have one. It
            is written out again but compares equal to any other, as in containerd.
        os_features: What the operating system must have, sorted; compares like `os_version`.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = field(default="", compare=False)
    os_features: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read and normalise; a lone architecture means Linux. Idempotent over `str`.

        Raises:
            DefinitionError: Not of that form.
        """
        system, *rest = text.strip().split("/")
        if not rest and _is_architecture(system.lower()):
            system, rest = "linux", [system.lower()]
        match = _OS.fullmatch(system)
        if match is None or not 1 <= len(rest) <= 2 or not all(map(_PART.fullmatch, rest)):
            raise DefinitionError(f"invalid platform {text!r}", hint=_hint(text))
        named = cls.of(match[1].lower(), *map(str.lower, rest))
        version = _decoded(match[2] or "", text)
        features = {_decoded(part, text) for part in (match[3] or "").split("+") if part}
        return cls(named.os, named.architecture, named.variant, version, tuple(sorted(features)))

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "") -> Self:
        """Return the normalised platform of three fields, as image configs carry them."""
        variant = _IMPLIED.get(architecture, variant)
        architecture = _ARCHITECTURES.get(architecture, architecture)
        variant = _VARIANTS.get((architecture, variant), variant)
        return cls(_OPERATING_SYSTEMS.get(os, os), architecture, variant)

    def runs(self, other: Platform) -> bool:
        """Return whether a machine of this platform runs the other one's code by itself.

        That is so for the same platform, for older variants of its architecture, for 386 on amd64
        and for arm up to v8 on arm64, which not every arm64 processor can. Reflexive and
        transitive.
        """
        if self.os != other.os:
            return False
        if self.architecture == other.architecture:
            return _covers(self.architecture, self.variant, other.variant)
        match self.architecture, other.architecture:
            case "amd64", "386":
                return not other.variant
            case "arm64", "arm":
                return _covers("arm", "v8", other.variant)
            case _:
                return False

    @property
    def directory(self) -> str:
        """Its name in split local outputs, as BuildKit spells it: ``linux_arm_v7``."""
        return str(self).replace("/", "_")

    def __str__(self) -> str:
        version = self.os_version.translate(_ESCAPES)
        options = version + "".join(f"+{name.translate(_ESCAPES)}" for name in self.os_features)
        system = f"{self.os}({options})" if options else self.os
        return "/".join(part for part in (system, self.architecture, self.variant) if part)


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
    if alone == "local" or _is_os(alone):
        return None
    return Platform.parse(word)


def meant(word: str, local: Platform) -> Platform:
    """Return the platform that one element of a list names, on a given machine.

    Args:
        word: An operating system alone means the machine's processor, ``local`` the machine.
        local: The machine.

    Raises:
        DefinitionError: A malformed platform.
    """
    found = named(word)
    if found is not None:
        return found
    alone = word.strip().lower()
    if alone == "local":
        return local
    return replace(local, os=_OPERATING_SYSTEMS.get(alone, alone))


def is_known(text: str) -> bool:
    """Return whether a single token names an operating system or an architecture."""
    word = text.strip().lower()
    return _is_os(word) or _is_architecture(word)


def _is_os(word: str) -> bool:
    return _OPERATING_SYSTEMS.get(word, word) in _KNOWN_OS


def _is_architecture(word: str) -> bool:
    return _ARCHITECTURES.get(word, word) in _KNOWN_ARCHITECTURES


def _hint(text: str) -> str:
    if "*" in text:
        return "there are no wildcards: write each platform"
    return "write os/arch or os/arch/variant"


def _decoded(option: str, text: str) -> str:
    """Return a version or a feature as it is, without its escapes."""
    try:
        return _PERCENT.sub(_unescaped, option.encode()).decode()
    except ValueError:
        raise DefinitionError(
            f"invalid platform {text!r}", hint="write %25 for a percent sign in an option"
        ) from None


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if escape[1] is None:
        raise ValueError(escape[0])
    return bytes.fromhex(escape[1].decode())


def _covers(architecture: str, newer: str, older: str) -> bool:
    """Return whether a processor of the first variant runs code for the second one."""
    lowest = _LOWEST.get(architecture, "")
    if newer == older or not (older or lowest):
        return True
    mine, its, floor = (_numbered(text) for text in (newer or lowest, older or lowest, lowest))
    if mine is None or its is None or mine[0] != its[0] or (floor and its[1] < floor[1]):
        return False
    if architecture == "arm64":
        return _covers_arm64(mine[1], its[1])
    return its[1] <= mine[1]


def _covers_arm64(newer: tuple[int, ...], older: tuple[int, ...]) -> bool:
    # Armv9.n has what Armv8.(n+5) has, up to 8.9, the last of its line.
    (major, minor), (its_major, its_minor) = ((*v, 0, 0)[:2] for v in (newer, older))
    if (major, its_major) == (9, 8):
        return its_minor <= min(minor + 5, 9)
    return major == its_major and its_minor <= minor


def _numbered(variant: str) -> tuple[tuple[str, str], tuple[int, ...]] | None:
    """Return what surrounds the number of a variant, and the number: ``power10``, ``rva23u64``."""
    match = _NUMBERED.fullmatch(variant)
    if match is None:
        return None
    numbers = [int(part) for part in match[2].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return (match[1], match[3]), tuple(numbers)

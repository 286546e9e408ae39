"""What verifying an image is asked for, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Self

from bakex._util.suggest import closest
from bakex.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.digest import Digest

ERROR, WARNING = "error", "warning"


class Mode(StrEnum):
    """Which files are looked at."""

    OFF = "off"
    ENTRYPOINT = "entrypoint"  # what the image starts, and what that needs
    BIN = "bin"  # and every program in the usual folders
    FULL = "full"  # and every other program and library

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a mode.

        Raises:
            UsageError: There is no such mode.
        """
        try:
            return cls(text)
        except ValueError:
            known = [str(mode) for mode in cls]
            near = closest(text, known)
            raise UsageError(
                f"there is no mode of verification {text!r}",
                hint=f"did you mean {near!r}?" if near else f"the modes are {', '.join(known)}",
            ) from None


DEFAULT = Mode.BIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How an image is verified.

    Attributes:
        mode: Which files are looked at.
        allow: Patterns of ``*``, ``?`` and ``[]`` for the paths of files that may be as they are;
            ``*`` stands for slashes, too.
    """

    mode: Mode = DEFAULT
    allow: tuple[str, ...] = ()

    def allows(self, *paths: str) -> bool:
        """Return whether a file may be as it is, under any of its paths."""
        return any(fnmatchcase(path, pattern) for path in paths for pattern in self.allow)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFinding:
    """A file that does not fit the platform of its image.

    Attributes:
        severity: ``error`` or ``warning``.
        path: Where it is; for the config of the image, ``config``.
        expected: What the platform needs.
        found: What there is.
        role: Why the file was looked at, in a few words.
        why: What follows from it; empty if that is plain.
        remedy: What to do.
    """

    severity: str
    path: str
    expected: str
    found: str
    role: str = ""
    why: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "severity": self.severity,
            "path": self.path,
            "expected": self.expected,
            "found": self.found,
            "role": self.role,
            "why": self.why,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What it took.

    Attributes:
        files: That were looked at.
        layers: That the image has.
        read: Layers that were read; of the others it was known what they hold.
        bytes: Of these, as they are stored.
        seconds: Altogether.
    """

    files: int = 0
    layers: int = 0
    read: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found out about one image.

    Attributes:
        platform: Of the image, as its manifest says.
        digest: Of the image manifest.
        mode: Which files were looked at.
        findings: Errors first.
        allowed: Findings that the user has allowed.
        cost: What it took; nothing if it was done before.
        before: It was verified in an earlier run, with the same outcome.
        note: Why no file was looked at; empty if some were.
        device: Name of the device whose processor counted; empty for none.
    """

    platform: str
    digest: Digest
    mode: Mode
    findings: tuple[FileFinding, ...] = ()
    allowed: tuple[FileFinding, ...] = ()
    cost: Cost = field(default_factory=Cost)
    before: bool = False
    note: str = ""
    device: str = ""

    @property
    def place(self) -> str:
        """What the files have to run on, for people."""
        return f"{self.platform} for {self.device}" if self.device else self.platform

    @property
    def errors(self) -> tuple[FileFinding, ...]:
        """What keeps the image from being published."""
        return tuple(finding for finding in self.findings if finding.severity == ERROR)

    @property
    def warnings(self) -> tuple[FileFinding, ...]:
        """What does not."""
        return tuple(finding for finding in self.findings if finding.severity == WARNING)

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        cost = self.cost
        return {
            "platform": self.platform,
            "digest": str(self.digest),
            "mode": str(self.mode),
            "ok": not self.errors,
            "findings": _listed(self.findings),
            "allowed": _listed(self.allowed),
            "files": cost.files,
            "layers": cost.layers,
            "layersRead": cost.read,
            "bytesRead": cost.bytes,
            "seconds": round(cost.seconds, 3),
            "before": self.before,
            "note": self.note,
            "device": self.device,
        }


def _listed(findings: Sequence[FileFinding]) -> list[dict[str, object]]:
    return [finding.to_json() for finding in findings]

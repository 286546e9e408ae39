"""Of which platform the programs are that a step runs: those of its stage.

Only the Dockerfile tells: when a build has one platform, BuildKit does not name it in its steps.
What a Dockerfile of another syntax means, and one that is not at hand, is not known here.
Source: buildkit frontend/dockerfile/dockerfile2llb/convert.go (toDispatchState, prefixCommand).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import DefinitionError
from bakex.model.node import Speed
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bakex.model.plan import Cell

_STEP = re.compile(r"\[(?:(?P<stage>\S+) )?\d+/\d+\] (?P<word>[A-Z]+)\b")
_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_HEREDOC = re.compile(r"<<(-?)([\"']?)([A-Za-z_]\w*)\2")
_FROM = re.compile(
    r"FROM\s+(?:--platform=(?P<platform>\S+)\s+)?(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?\s*$",
    re.IGNORECASE,
)
_ARG = re.compile(r"ARG\s+(?P<name>\w+)(?:=(?P<value>\S*))?\s*$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """How the steps of a cell are run on its node.

    Attributes:
        platform: The cell's.
        speed: How the node runs it.
        stages: Stage -> its platform, of stages that are of another one than the cell; as a step
            names it.
        speeds: How the node runs each platform that it builds.
    """

    platform: Platform
    speed: Speed
    stages: Mapping[str, Platform] = field(default_factory=dict[str, Platform])
    speeds: Mapping[Platform, Speed] = field(default_factory=dict[Platform, Speed])

    def of(self, name: str) -> tuple[Platform, Speed] | None:
        """Return the platform of a step and how it is run; None if the step runs no program."""
        found = _STEP.match(name)
        if found is None or found["word"] != "RUN":
            return None
        platform = self.stages.get(found["stage"] or "", self.platform)
        if platform == self.platform:
            return platform, self.speed
        return platform, self.speeds.get(platform, Speed.EMULATED)


def foreign(text: str, cell: Cell, machine: Platform | None) -> dict[str, Platform]:
    """Return the stages of a Dockerfile that are of another platform than a cell.

    Args:
        text: The Dockerfile.
        cell: Whose build arguments count.
        machine: The node's own platform, ``$BUILDPLATFORM``; None if it is not known.
    """
    own = cell.platform
    known = dict(cell.target.args)
    for prefix, platform in (("TARGET", own), ("BUILD", machine)):
        if platform is not None:
            known[f"{prefix}PLATFORM"] = str(platform)
            known[f"{prefix}OS"] = platform.os
            known[f"{prefix}ARCH"] = platform.architecture
            known[f"{prefix}VARIANT"] = platform.variant
    found: dict[str, Platform | None] = {}
    for number, line in enumerate(_stages(text, known)):
        base, name = found.get(line["base"].lower(), own), (line["name"] or f"stage-{number}")
        given = line["platform"]
        found[name.lower()] = _platform(given, known) if given else base
    if len(found) == 1:
        found[""] = next(iter(found.values()))  # steps of the only stage do not name it
    return {name: p for name, p in found.items() if p is not None and p != own}


def _stages(text: str, known: dict[str, str]) -> Iterator[re.Match[str]]:
    """Yield the FROM lines; defaults of arguments before the first one are added to `known`."""
    begun = False
    for line in _instructions(text):
        if stage := _FROM.match(line):
            begun = True
            yield stage
        elif not begun and (argument := _ARG.match(line)) and argument["value"] is not None:
            known.setdefault(argument["name"], argument["value"].strip("\"'"))


def _instructions(text: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    directive = _ESCAPE.match(text.lstrip())
    escape = directive[1] if directive else "\\"
    parts: list[str] = []
    for row in lines:
        line = row.strip()
        if not line or line.startswith("#"):
            continue
        parts.append(line.removesuffix(escape).rstrip())
        if line.endswith(escape):
            continue
        whole, parts = " ".join(parts), []
        yield whole
        for _, _, end in _HEREDOC.findall(whole) if whole[:3].upper() != "FRO" else ():
            for inner in lines:
                if inner.strip() == end:
                    break


def _platform(text: str, known: Mapping[str, str]) -> Platform | None:
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name = match[1] or match[2]
        missing |= name not in known
        return known.get(name, "")

    full = _VARIABLE.sub(value, text.strip("\"'"))
    if missing or not full:
        return None
    try:
        return Platform.parse(full)
    except DefinitionError:
        return None

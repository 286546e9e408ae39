"""What a dynamically linked program needs: its dynamic linker, and libraries, and theirs.

A library counts as found wherever the linker may look: one that is found only when something sets
the right variable is not worth an alarm. Files for another processor are passed over, as the linker
does it; only if there is nothing else they are what is wrong.
"""

from __future__ import annotations

import posixpath
from collections import deque
from typing import TYPE_CHECKING

from bakex.model.verification import ERROR, WARNING, FileFinding
from bakex.platforms.judge import described
from bakex.verification import libraries, remedies
from bakex.verification.standard import Importance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bakex.model.platform import Platform
    from bakex.platforms.program import Content, Program
    from bakex.verification.command import Command
    from bakex.verification.standard import Standard
    from bakex.verification.tree import File, Tree


class Linking:
    """Looks for what programs need."""

    def __init__(
        self,
        tree: Tree,
        command: Command,
        standard: Standard,
        tell: Callable[..., None],
        see: Callable[[str], None],
    ) -> None:
        """Take the image, and where results go.

        Args:
            tree: Its files.
            command: Says where libraries are looked up first.
            standard: What files are held against.
            tell: Gets each finding, and the other paths that it concerns.
            see: Gets the path of each file that was looked at.
        """
        self._tree = tree
        self._command = command
        self._standard = standard
        self._tell = tell
        self._see = see
        self._known: set[str] = set()  # libraries that were looked at
        self._told: set[tuple[str, str]] = set()
        self._folders: dict[Platform, tuple[str, ...]] = {}

    def check(self, path: str, real: str, program: Program, importance: Importance) -> None:
        """Look at all that a program needs.

        Args:
            path: How the program is called.
            real: Where it is.
            program: What it says.
            importance: What it means if it cannot run.
        """
        linker = self._linker(path, program, importance)
        if linker is None:
            return
        usual = self._usual(program)
        inherited = list(libraries.own(program.runpath, posixpath.dirname(real)))
        waiting = deque([(path, real, program)])
        while waiting:
            owner, place, current = waiting.popleft()
            own = libraries.own(current.runpath, posixpath.dirname(place))
            folders = list(dict.fromkeys((*own, *inherited, *usual)))
            for name in current.needed:
                if libraries.is_built_in(name, linker):
                    continue
                found = self._library(name, owner, current, folders, importance)
                if found is not None and found[0] not in self._known:
                    self._known.add(found[0])
                    self._see(found[0])
                    waiting.append((found[0], *found))

    def _linker(self, path: str, program: Program, importance: Importance) -> str | None:
        """Return where a program's dynamic linker is; None if there is nothing more to look at."""
        wanted = program.interpreter
        if not wanted:
            return None
        found = self._tree.file(wanted)
        if found is None:
            finding = FileFinding(
                severity=WARNING if importance is Importance.OTHER else ERROR,
                path=path,
                expected=f"its dynamic linker {wanted} in the image",
                found="nothing there",
                why="It does not start: no such file or directory.",
                remedy=remedies.linker(wanted, self._standard.home(program)),
            )
            self._tell(finding)
            return None
        real, file = found
        self._see(real)
        linker = _part(file.content, program)
        if linker is None or not _fits(linker, program):
            self._foreign(wanted, file.content, path, program, importance)
            return None
        return real

    def _library(
        self,
        name: str,
        owner: str,
        program: Program,
        folders: list[str],
        importance: Importance,
    ) -> tuple[str, Program] | None:
        """Return where a library is, and what it says; tell if there is none that fits."""
        foreign: tuple[str, Content] | None = None
        for path in _places(name, folders):
            found = self._tree.file(path)
            if found is None or found[1].content is None:
                continue
            part = _part(found[1].content, program)
            if part is not None and _fits(part, program):
                self._warn(path, found, part, owner)
                return found[0], part
            foreign = foreign or (path, found[1].content)
        if foreign is not None:
            self._foreign(*foreign, owner, program, importance)
        elif not libraries.is_brought(name):
            self._missing(name, owner, importance)
        return None

    def _warn(self, path: str, found: tuple[str, File], part: Program, owner: str) -> None:
        """Tell what else there is to say about a library that fits."""
        # Of a library for the older sibling of the processor, its program has said so.
        if found[0] in self._known or self._standard.home(part) is not self._standard.profile:
            return
        for finding in self._standard.judge(found[1].content):
            if str(finding.severity) == WARNING and finding.why:
                told = FileFinding(
                    severity=WARNING,
                    path=path,
                    expected=finding.expected,
                    found=finding.found,
                    role=f"needed by {owner}",
                    why=finding.why,
                )
                self._tell(told, found[0])

    def _foreign(
        self, path: str, content: Content, owner: str, program: Program, importance: Importance
    ) -> None:
        if (path, "") in self._told:
            return
        self._told.add((path, ""))
        expected, found = self._difference(program, content)
        finding = FileFinding(
            severity=WARNING if importance is Importance.OTHER else ERROR,
            path=path,
            expected=expected,
            found=found,
            role=f"needed by {owner}",
            why="The dynamic linker does not take it.",
            remedy=remedies.library(self._standard.home(program).platform),
        )
        self._tell(finding, owner)

    def _missing(self, name: str, owner: str, importance: Importance) -> None:
        if (owner, name) in self._told:
            return
        self._told.add((owner, name))
        finding = FileFinding(
            severity=ERROR if importance is Importance.START else WARNING,
            path=owner,
            expected=f"the library {name} in the image",
            found="nothing",
            why="It does not start without it.",
            remedy=remedies.LIBRARY,
        )
        self._tell(finding)

    def _usual(self, program: Program) -> tuple[str, ...]:
        profile = self._standard.home(program)
        known = self._folders.get(profile.platform)
        if known is None:
            known = (*self._command.libraries, *libraries.folders(self._tree, profile))
            self._folders[profile.platform] = known
        return known

    def _difference(self, program: Program, content: Content) -> tuple[str, str]:
        """Return what a program needs, and what there is, in words that differ."""
        part = content[0] if isinstance(content, tuple) else None
        needed = described(program, self._standard.catalogue)
        if part is None:
            return f"a library for {needed}", "another file"
        there = described(part, self._standard.catalogue)
        if there != needed:
            return needed, there
        for word, mine, its in (
            ("float", program.float, part.float),
            ("ABI", program.abi, part.abi),
        ):
            if mine != its:
                return f"{needed} with {mine} {word}", f"{its} {word}"
        return needed, there


def _part(content: Content, program: Program) -> Program | None:
    """Return the part of a file that is for the processor of a program, or what there is."""
    if not isinstance(content, tuple) or not content:
        return None
    return next((part for part in content if _fits(part, program)), content[0])


def _fits(part: Program, program: Program) -> bool:
    """Whether a dynamic linker takes a library for a program."""
    mine = (program.format, program.machine, program.bits, program.endian)
    return (
        (part.format, part.machine, part.bits, part.endian) == mine
        and (not part.float or not program.float or part.float == program.float)
        and (not part.abi or not program.abi or part.abi == program.abi)
    )


def _places(name: str, folders: Sequence[str]) -> Iterator[str]:
    if "/" in name:
        yield name
        return
    for folder in folders:
        yield posixpath.join(folder, name)

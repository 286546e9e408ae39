"""The files of an image that are looked at, one after the other, and what is wrong with them.

What the image starts comes first, then what that needs: the interpreters of scripts, dynamic
linkers, libraries. Then come the programs in the usual folders, and with ``full`` all others.
"""

from __future__ import annotations

import posixpath
from functools import cached_property
from typing import TYPE_CHECKING

from bakex.model.verification import ERROR, WARNING, FileFinding, Mode
from bakex.platforms.program import ELF, EXECUTABLE, LIBRARY, Script
from bakex.verification import remedies
from bakex.verification.command import run_by
from bakex.verification.linking import Linking
from bakex.verification.standard import Importance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.model.verification import Wishes
    from bakex.platforms.judge import Finding
    from bakex.platforms.program import Program
    from bakex.verification.command import Command
    from bakex.verification.standard import Standard
    from bakex.verification.tree import File, Tree

_BINS = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_OPTIONAL = "/opt"
_SCRIPTS = 5  # interpreters of interpreters; Linux follows four
_WINDOWS_FILES = "/Files"  # where layers of Windows images have them


class Examination:
    """Looks at the files of one image.

    Attributes:
        findings: What is wrong, in the order in which it was found.
        allowed: The same for files that may be as they are.
        files: How many files were looked at.
    """

    def __init__(self, tree: Tree, command: Command, standard: Standard, wishes: Wishes) -> None:
        self._tree = tree
        self._command = command
        self._standard = standard
        self._wishes = wishes
        self._seen: set[str] = set()
        self._contents: set[int] = set()  # of files that are the same under several names
        self._lacking: set[str] = set()  # programs
        self._linking = Linking(tree, command, standard, self._tell, self._see)
        self.findings: list[FileFinding] = []
        self.allowed: list[FileFinding] = []

    @property
    def files(self) -> int:
        """How many files were looked at."""
        return len(self._seen)

    def run(self) -> None:
        """Look at all files that the mode asks for."""
        self._start()
        if self._wishes.mode is Mode.ENTRYPOINT:
            return
        for folder in self._folders():
            for name in self._tree.names(folder):
                path = posixpath.join(folder, name)
                found = self._tree.file(path)
                if found is not None and found[1].runs:
                    self._look(path, *found, f"in {folder}", Importance.USUAL)
        if self._wishes.mode is Mode.FULL:
            for path, file in self._tree.files():
                if self._is_native(file):
                    self._look(path, path, file, "", Importance.OTHER)

    def _start(self) -> None:
        command = self._command
        if not command.program:
            return
        if self._is_windows:
            self._start_windows()
            return
        found = self._program(command.program)
        if found is None:
            places = command.places(command.program)
            path = places[0] if len(places) == 1 else command.program
            self._missing(path, "entrypoint", Importance.START)
        else:
            self._look(*found, "entrypoint", Importance.START)
        for word in command.words:
            named = self._program(word)
            if named is not None and named[2].content is not None:
                self._look(*named, "started by the entrypoint", Importance.START)

    def _start_windows(self) -> None:
        """Look at the program of a Windows image, if it is in a layer that can be had."""
        word = self._command.program.replace("\\", "/")
        path = posixpath.join("/", word[2:] if word[1:2] == ":" else word)
        for name in (path, f"{path}.exe"):
            found = self._tree.file(_WINDOWS_FILES + name)
            if found is not None:
                self._look(name, *found, "entrypoint", Importance.START)
                return

    @property
    def _is_windows(self) -> bool:
        return self._standard.profile.platform.os == "windows"

    @cached_property
    def _order(self) -> tuple[str, ...]:
        optional = self._tree.names(_OPTIONAL)
        homes = [f"{_OPTIONAL}/{name}/{folder}" for name in optional for folder in ("bin", "sbin")]
        return (*_BINS, *self._command.path, f"{_OPTIONAL}/bin", *homes)

    def _folders(self) -> Iterator[str]:
        """Yield the usual folders, each under one of its names."""
        seen: set[str] = set()
        for folder in self._order:
            found = self._tree.find(folder)
            if found is not None and found[0] not in seen:
                seen.add(found[0])
                yield folder

    def _program(self, word: str) -> tuple[str, str, File] | None:
        """Return the file that a word of a command stands for, with its path and its real path."""
        places = self._command.places(word)
        for place in places:
            found = self._tree.file(place)
            if found is not None and (found[1].runs or len(places) == 1):
                return (posixpath.normpath(place), *found)
        return None

    def _is_native(self, file: File) -> bool:
        """Whether a file is a program or a library in the form of the platform's."""
        content = file.content
        if content is None or isinstance(content, Script):
            return False
        form = self._standard.profile.binary.format
        return any(p.format == form and p.kind in {EXECUTABLE, LIBRARY} for p in content)

    def _look(
        self,
        path: str,
        real: str,
        file: File,
        role: str,
        importance: Importance,
        *,
        depth: int = 0,
    ) -> None:
        content = file.content
        if real in self._seen or id(content) in self._contents:
            return
        self._see(real)
        if importance is Importance.START:
            self._check_start(path, real, file, role)
        if isinstance(content, Script):
            if depth < _SCRIPTS:
                self._look_behind(path, content, importance, depth + 1)
        elif content is not None:
            self._contents.add(id(content))
            self._look_at(path, real, content, role, importance)

    def _look_at(
        self, path: str, real: str, content: tuple[Program, ...], role: str, importance: Importance
    ) -> None:
        standard = self._standard
        found = standard.judge(content)
        for finding in found:
            remedy = remedies.processor(content, standard.profile)
            self._tell(_told(finding, path, role, remedy), real)
        fits = not any(str(finding.severity) == ERROR for finding in found)
        machine = standard.profile.binary.machine
        program = next((part for part in content if part.machine == machine), content[0])
        if fits and program.format == ELF and program.kind == EXECUTABLE:
            self._linking.check(path, real, program, importance)

    def _check_start(self, path: str, real: str, file: File, role: str) -> None:
        """Tell if the kernel does not start a file at all."""
        found = ""
        if not file.runs and not self._is_windows:
            found = "a file that nobody may execute"
        elif file.content is None:
            found = "neither"
        if found:
            finding = FileFinding(
                severity=ERROR,
                path=path,
                expected="a program, or a script that names its interpreter",
                found=found,
                role=role,
                remedy=remedies.start(executable=file.runs),
            )
            self._tell(finding, real)

    def _look_behind(self, path: str, script: Script, importance: Importance, depth: int) -> None:
        """Look at what runs a script, and at what runs that."""
        role = f"runs {path}"
        for word in filter(None, run_by(script)):
            found = self._program(word)
            if found is None:
                self._missing(word, role, importance, path)
            else:
                self._look(*found, role, importance, depth=depth)

    def _missing(self, path: str, role: str, importance: Importance, *owners: str) -> None:
        if path in self._lacking:
            return
        self._lacking.add(path)
        finding = FileFinding(
            severity=ERROR if importance is Importance.START else WARNING,
            path=path,
            expected="a program",
            found="nothing",
            role=role,
            remedy=remedies.PROGRAM,
        )
        self._tell(finding, *owners)

    def _see(self, real: str) -> None:
        self._seen.add(real)

    def _tell(self, finding: FileFinding, *others: str) -> None:
        """Keep a finding, unless it is allowed for its path or another that it concerns."""
        allowed = self._wishes.allows(finding.path, *others)
        (self.allowed if allowed else self.findings).append(finding)


def _told(finding: Finding, path: str, role: str, remedy: str) -> FileFinding:
    return FileFinding(
        severity=str(finding.severity),
        path=path,
        expected=finding.expected,
        found=finding.found,
        role=role,
        why=finding.why,
        remedy=remedy,
    )

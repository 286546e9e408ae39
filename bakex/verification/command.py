"""What an image starts: the words of its command, and where they are looked up.

Sources: OCI image-spec v1.1, config.md; Docker's reference of Dockerfiles, "Shell form".
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from bakex.platforms.program import Script

# What runc looks through when an image does not say.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = frozenset({"sh", "ash", "bash", "dash", "zsh", "ksh", "busybox"})
_WORDS = 256  # of a command; no more are looked at
_LONGEST = 4096  # characters of a word that may be a path


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What an image starts.

    Attributes:
        program: The first word; empty if the image starts nothing by itself.
        words: What follows; programs may be among them, such as what an init or a shell starts.
        path: Folders in which programs are looked up.
        libraries: Folders in which libraries are looked up first (``LD_LIBRARY_PATH``).
        folder: Where it starts.
    """

    program: str = ""
    words: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    folder: str = "/"

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Command:
        """Return what the config of an image says; what makes no sense in it is left aside."""
        config = fields.get("config")
        known: Mapping[str, object] = {}
        if isinstance(config, Mapping):
            known = cast("Mapping[str, object]", config)
        environ: dict[str, str] = {}
        for text in _texts(known.get("Env")):
            name, _, value = text.partition("=")
            environ[name] = value
        words = [*_texts(known.get("Entrypoint")), *_texts(known.get("Cmd"))]
        folder = known.get("WorkingDir")
        program, *rest = words or [""]
        return cls(
            program=program,
            words=_spread(program, rest),
            path=_folders(environ.get("PATH") or _PATH),
            libraries=_folders(environ.get("LD_LIBRARY_PATH", "")),
            folder=folder if isinstance(folder, str) and folder else "/",
        )

    def places(self, word: str) -> tuple[str, ...]:
        """Return the paths under which a program may be, the first one first."""
        if not word or len(word) > _LONGEST:
            return ()
        if "/" in word:
            return (posixpath.join(self.folder, word),)
        return tuple(posixpath.join(folder, word) for folder in self.path)


def run_by(script: Script) -> tuple[str, str]:
    """Return the path of the interpreter of a script, and what that looks up in ``PATH``.

    The second one is empty unless the interpreter is ``env``.
    """
    if posixpath.basename(script.interpreter) != "env":
        return script.interpreter, ""
    for word in script.argument.split():
        if not word.startswith("-") and "=" not in word:
            return script.interpreter, word
    return script.interpreter, ""


def _spread(program: str, words: list[str]) -> tuple[str, ...]:
    """Return words with the text that a shell runs taken apart."""
    found: list[str] = []
    shell = posixpath.basename(program) in _SHELLS
    for word in words[:_WORDS]:
        found.extend(_split(word) if shell and " " in word else [word])
        shell = shell or posixpath.basename(word) in _SHELLS
    return tuple(found[:_WORDS])


def _split(text: str) -> list[str]:
    reader = shlex.shlex(text[:_LONGEST], posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    reader.commenters = ""
    found: list[str] = []
    with suppress(ValueError):  # quotes without an end: what is before them counts
        while (word := reader.get_token()) is not None:
            found.append(word)
    return found


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    return [text for text in cast("list[object]", value) if isinstance(text, str)]


def _folders(text: str) -> tuple[str, ...]:
    return tuple(folder for folder in text.split(":")[:_WORDS] if folder.startswith("/"))

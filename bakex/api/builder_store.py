"""Changes to the user's builders: one file, which bakex writes whole, and who is in use.

The file begins with a line that says whose it is. One without that line was written by a person,
comments and all, and is left alone. What is written is read back before it takes the place of what
was there. Changes wait for one another, and each is all or nothing.
"""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from bakex._util.atomic import locked, write_file
from bakex.api.builders import Builders, Chosen, dump, understood
from bakex.bake.yaml import scalars
from bakex.errors import ConfigError, UsageError
from bakex.nodes.declared import NAME, VERSION, DeclaredBuilder, DeclaredFile, plain
from bakex.nodes.discovery import PRIVATE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
    from pathlib import Path

    from bakex.config import Settings
    from bakex.nodes.declared import DeclaredNode

_HEADER: Final = "# Written by bakex builder and bakex node, which keep no comments.\n"
_NOTE: Final = "# Without the line above they leave this file alone, and people may write it.\n"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_/~](?:[A-Za-z0-9_./:@+=?&%~-]*[A-Za-z0-9_./@+=?&%~-])?")


class BuilderStore:
    """Makes, changes and removes the user's builders.

    Args:
        settings: Where they are kept.
        patience_s: How long another change is waited for.
    """

    def __init__(self, settings: Settings, *, patience_s: float = 10.0) -> None:
        self._settings = settings
        self._patience_s = patience_s

    @property
    def builders(self) -> Builders:
        """All builders, as they are now."""
        return Builders(self._settings)

    def check_free(self, name: str) -> None:
        """Check that a builder of that name can be made; one of a project is then hidden by it.

        Raises:
            UsageError: The name cannot be one, or the user has a builder of that name.
            ConfigError: A file is malformed.
        """
        _check_name(name)
        home = self.builders.home(name)
        if home is not None and home.source == "user":
            raise UsageError(
                f"there is a builder {name!r} already",
                hint=f"write another name, or remove it with bakex builder rm {name}",
            )

    async def create(
        self, name: str, nodes: Mapping[str, DeclaredNode], *, use: bool = False
    ) -> None:
        """Add a builder.

        Raises:
            UsageError: The name cannot be one, or is taken.
            ConfigError: The file is malformed, belongs to a person, or cannot be written.
        """
        async with self._changing() as found:
            self.check_free(name)
            found[name] = DeclaredBuilder(nodes=tuple(nodes.items()))
        if use:
            await self.use(name)

    async def remove(self, name: str) -> bool:
        """Remove a builder; its machines are left alone. Return whether it was in use.

        Raises:
            UsageError: There is none in the user's file.
            ConfigError: The file is malformed, belongs to a person, or cannot be written.
        """
        async with self._changing() as found:
            self._check_own(name, found)
            del found[name]
        async with self._choosing() as chosen:
            was = chosen[0].builder == name
            if was:
                chosen[0] = replace(chosen[0], builder="")
        return was

    async def add(self, builder: str, name: str, node: DeclaredNode) -> None:
        """Add a node behind the others of a builder.

        Raises:
            UsageError: There is no such builder in the user's file, or it has a node of that name.
            ConfigError: The file is malformed, belongs to a person, or cannot be written.
        """
        _check_name(name)
        async with self._changing() as found:
            self._check_own(builder, found)
            nodes = dict(found[builder].nodes)
            if name in nodes:
                raise UsageError(
                    f"the builder {builder!r} has a node {name!r} already",
                    hint="give another one with --name",
                )
            found[builder] = DeclaredBuilder(nodes=(*nodes.items(), (name, node)))

    async def drop(self, builder: str, names: Sequence[str]) -> None:
        """Remove nodes of a builder; the machines are left alone.

        Raises:
            UsageError: There is no such builder or node, or no node would be left.
            ConfigError: The file is malformed, belongs to a person, or cannot be written.
        """
        async with self._changing() as found:
            self._check_own(builder, found)
            nodes = dict(found[builder].nodes)
            for name in dict.fromkeys(names):
                if nodes.pop(name, None) is None:
                    known = ", ".join(dict(found[builder].nodes))
                    raise UsageError(
                        f"the builder {builder!r} has no node {name!r}", hint=f"it has {known}"
                    )
            if not nodes:
                raise UsageError(
                    f"the builder {builder!r} would have no node left",
                    hint=f"remove it with bakex builder rm {builder}",
                )
            found[builder] = DeclaredBuilder(nodes=tuple(nodes.items()))

    async def use(self, name: str) -> str:
        """Choose the builder that is used where none is named; empty for none.

        One of a project's file is chosen for that project only. A choice for everywhere, and that
        of none, also ends what was chosen for the project of the working directory.

        Returns:
            The path of the project's file if the choice is for one; else nothing.

        Raises:
            UsageError: There is no such builder.
            ConfigError: A file is malformed or cannot be written.
        """
        builders = self.builders
        home = None
        if name:
            builders.check(name)
            home = builders.home(name)
        project = str(home.path) if home and home.source == "project" else ""
        async with self._choosing() as chosen:
            projects = dict(chosen[0].projects)
            projects.pop(str(builders.project_path or ""), None)
            if project:
                chosen[0] = replace(chosen[0], projects={**projects, project: name})
            else:
                chosen[0] = Chosen(builder=name, projects=projects)
        return project

    def _check_own(self, name: str, found: Mapping[str, DeclaredBuilder]) -> None:
        if name in found:
            return
        builders = self.builders
        builders.check(name)
        home = builders.home(name)
        source = next(builder.source for builder in builders.all() if builder.name == name)
        remedy = {
            "buildx": "change it with docker buildx",
            "docker": "change it with docker context",
            "bakex": "see bakex engine --help",
        }.get(source, f"edit {home.path}" if home else "")
        raise UsageError(f"the builder {name!r} is not one that bakex keeps", hint=remedy)

    @asynccontextmanager
    async def _changing(self) -> AsyncGenerator[dict[str, DeclaredBuilder], None]:
        """Yield the user's builders; what the block made of them is written when it ends well."""
        path = self.builders.user_path
        async with self._exclusive(path):
            files = self.builders.files
            file = next((file for file in files if file.source == "user"), None)
            if file is not None and not file.document.source.startswith(_HEADER):
                raise ConfigError(
                    f"{path} was not written by bakex and is left alone",
                    detail="Its first line does not say that bakex keeps it.",
                    hint="edit it, or move it away",
                )
            found = dict(file.builders) if file else {}
            yield found
            declared = DeclaredFile(builders=tuple(found.items()))
            data = text(declared).encode()
            if understood(path, data, "user").builders != found:
                raise ConfigError(
                    "this cannot be written down", hint="leave control characters out"
                )
            write_file(path, data, mode=0o600)

    @asynccontextmanager
    async def _choosing(self) -> AsyncGenerator[list[Chosen], None]:
        """Yield a list of the choice; what the block put there is written when it ends well."""
        builders = self.builders
        path = builders.choice_path
        async with self._exclusive(path):
            before = builders.chosen()
            found = [before]
            yield found
            if found[0] != before:
                write_file(path, dump(found[0]), mode=0o600)

    @asynccontextmanager
    async def _exclusive(self, path: Path) -> AsyncGenerator[None, None]:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            async with locked(path.with_name(f".{path.name}.lock"), timeout_s=self._patience_s):
                yield
        except TimeoutError:
            raise ConfigError(
                f"another bakex is writing {path}", hint="try again when it is done"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"cannot write {path}", detail=f"{error.strerror}.", hint="check its permissions"
            ) from None


def _check_name(name: str) -> None:
    if not re.fullmatch(NAME, name) or name == PRIVATE:
        raise UsageError(
            f"{name!r} cannot be a name",
            hint="begin with a letter, and go on with letters, digits, dots, hyphens, underscores"
            if name != PRIVATE
            else "it is that of bakex's own engine: write another one",
        )


def text(declared: DeclaredFile) -> str:
    """Return the content of the user's file."""
    lines = "\n".join(_lines({"version": VERSION, **plain(declared)}, ""))
    return f"{_HEADER}{_NOTE}{lines}\n"


def _lines(value: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, content in value.items():
        if isinstance(content, dict):
            yield f"{indent}{_scalar(key)}:"
            yield from _lines(cast("dict[str, object]", content), f"{indent}  ")
        elif isinstance(content, list):
            items = ", ".join(_scalar(item) for item in cast("list[str]", content))
            yield f"{indent}{_scalar(key)}: [{items}]"
        else:
            shown = _scalar(content) if isinstance(content, str) else str(content)
            yield f"{indent}{_scalar(key)}: {shown}"


def _scalar(text: str) -> str:
    """Return a text as a scalar of YAML: plain if it is read as the same text, else in quotes."""
    if _PLAIN.fullmatch(text) and scalars.plain(text) == text:
        return text
    # A text in JSON is one in YAML as well, but for characters written as two escapes.
    return json.dumps(text, ensure_ascii=False)

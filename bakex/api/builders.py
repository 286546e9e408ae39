"""Builders by name: those of the user, of the project, of buildx, and docker's contexts.

* The user's are in ``builders.yaml`` in bakex's configuration directory, which the commands write.
* A project's are in ``bakex.yaml`` in the working directory, or above it within the same git
  repository; people write it, and bakex only reads it. It never takes a name over that the user
  has given, and takes part only where its name is asked for or was chosen for this project.
* Builders of buildx and docker contexts are read where docker keeps them.

Which builder is in use (``bakex builder use``) is kept in the state directory.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

from bakex._util.suggest import closest
from bakex.errors import ConfigError, UsageError
from bakex.model.bakefile import MAX_SIZE
from bakex.nodes.buildx import builder_names, builder_nodes, current_builder
from bakex.nodes.contexts import context_endpoint, context_names
from bakex.nodes.discovery import PRIVATE, Candidate
from bakex.nodes.documents import read_object
from bakex.platforms.shape import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.nodes.declared import DeclaredBuilder, DeclaredNode
    from bakex.platforms.document import Document

USER_FILE: Final = "builders.yaml"
PROJECT_FILE: Final = "bakex.yaml"
_CHOICE: Final = "builder.json"
# Lines that are not shown: names of secrets, PEM, an address with a password.
_SECRET: Final = re.compile(r"passw|secret|token|-----begin|://[^/\s@]*:[^/\s@]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which builders are in use.

    Attributes:
        builder: Everywhere; empty for none.
        projects: Path of a project's file -> the builder that is in use there instead.
    """

    builder: str = ""
    projects: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """A builder that can be named.

    Attributes:
        source: ``user``, ``project``, ``buildx``, ``docker`` or ``bakex`` for the private engine.
        file: Where it is declared; None for those that docker and bakex know by themselves.
        nodes: Names and endpoints of its nodes, in order.
        in_use: It is what a bake takes if nothing else is said.
        hidden: Another builder of that name goes before it.
        problem: Why it cannot be used; empty if nothing is wrong so far.
    """

    name: str
    source: str
    file: Path | None = None
    nodes: tuple[tuple[str, str], ...] = ()
    in_use: bool = False
    hidden: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderFile:
    """A file of builders that was read.

    Attributes:
        source: ``user`` or ``project``.
    """

    path: Path
    source: str
    document: Document
    builders: Mapping[str, DeclaredBuilder]

    def candidates(self, settings: Settings, name: str) -> tuple[Candidate, ...]:
        """Return the nodes of a builder of this file.

        Raises:
            ConfigError: One cannot be used; with its place.
        """
        builder = self.builders[name]
        return tuple(self._candidate(settings, name, *node) for node in builder.nodes)

    def _candidate(
        self, settings: Settings, builder: str, name: str, node: DeclaredNode
    ) -> Candidate:
        origin = f"builder {builder}"
        try:
            from bakex.nodes.declared import candidate  # noqa: PLC0415 - start-up budget

            return candidate(settings, name, node, origin=origin, base=self.path.parent)
        except ConfigError as error:
            where = ("builders", builder, "nodes", name, "endpoint")
            placed = self.document.error(
                where, error.summary.removeprefix(f"{origin}: "), error.hint
            )
            placed.detail = error.detail
            raise discreet(placed) from None


class Builders:
    """Finds builders; reads each file once, when it is needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def user_path(self) -> Path:
        """The user's file, whether or not it is there."""
        return self._settings.config / USER_FILE

    @property
    def choice_path(self) -> Path:
        """The file that says which builders are in use, whether or not it is there."""
        return self._settings.state / _CHOICE

    @cached_property
    def project_path(self) -> Path | None:
        """The project's file; None if there is none."""
        return project_file(self._settings.cwd)

    @cached_property
    def files(self) -> tuple[BuilderFile, ...]:
        """The user's file and the project's, as far as they are there, in order of precedence.

        Raises:
            ConfigError: One cannot be read, or is malformed; with its place.
        """
        places = ((self.user_path, "user"), (self.project_path, "project"))
        found = (load(path, source) for path, source in places if path is not None)
        return tuple(file for file in found if file is not None)

    def declared(self, name: str) -> tuple[Candidate, ...] | None:
        """Return the nodes of a builder of bakex's own files; None if none has it.

        Raises:
            ConfigError: A file, or the builder, cannot be used.
        """
        file = self.home(name)
        return file.candidates(self._settings, name) if file else None

    def home(self, name: str) -> BuilderFile | None:
        """Return the file that declares a builder; None if none does."""
        return next((file for file in self.files if name in file.builders), None)

    def chosen(self) -> Chosen:
        """Return which builders were chosen.

        Raises:
            ConfigError: The file that says so is malformed.
        """
        found = read_object(self.choice_path) or {}
        name, projects = found.get("builder", ""), found.get("projects", {})
        if not isinstance(name, str) or not isinstance(projects, dict):
            raise ConfigError(
                f"{self.choice_path} does not say which builder is in use",
                hint="choose it again with bakex builder use",
            )
        pairs = cast("dict[str, object]", projects).items()
        return Chosen(builder=name, projects={path: str(one) for path, one in pairs})

    def current(self) -> str:
        """Return the builder that is in use here; empty if none was chosen.

        Raises:
            ConfigError: It is no longer there, or a file is malformed.
        """
        chosen = self.chosen()
        name = chosen.projects.get(str(self.project_path or ""), chosen.builder)
        if name and not self.knows(name):
            raise ConfigError(
                f"the builder {name!r} is in use but is no longer there",
                hint="choose another one with bakex builder use NAME, or none with"
                " bakex builder use --none",
            )
        return name

    def knows(self, name: str) -> bool:
        """Return whether there is a builder of that name."""
        return any(builder.name == name for builder in self.all())

    def check(self, name: str) -> None:
        """Check that there is a builder of that name.

        Raises:
            UsageError: There is none.
        """
        names = [builder.name for builder in self.all()]
        if name not in names:
            near = closest(name, names)
            raise UsageError(
                f"there is no builder {name!r}",
                hint=f"did you mean {near!r}?" if near else "list them with bakex builder ls",
            )

    def listed(self) -> tuple[Builder, ...]:
        """Return all builders, those first that go before others of the same name.

        Nothing is dialled. One in docker's keeping that is malformed is listed with its problem.

        Raises:
            ConfigError: A file of bakex's own is malformed.
        """
        used = self._used()
        seen: set[str] = set()
        found: list[Builder] = []
        for builder in self.all():
            hidden = builder.name in seen
            seen.add(builder.name)
            found.append(
                replace(builder, in_use=builder.name == used and not hidden, hidden=hidden)
            )
        return tuple(found)

    def all(self) -> Iterator[Builder]:
        """Yield all builders in order of precedence, not marked."""
        for file in self.files:
            for name, builder in file.builders.items():
                nodes = tuple((node, one.endpoint) for node, one in builder.nodes)
                yield Builder(name=name, source=file.source, file=file.path, nodes=nodes)
        yield Builder(name=PRIVATE, source="bakex", nodes=((PRIVATE, PRIVATE),))
        for name in builder_names(self._settings):
            yield self._docker(name, "buildx")
        for name in context_names(self._settings):
            yield self._docker(name, "docker")

    def _docker(self, name: str, source: str) -> Builder:
        try:
            if source == "buildx":
                endpoints = builder_nodes(self._settings, name, origin=source) or ()
            else:
                endpoints = (context_endpoint(self._settings, name, origin=source),)
        except ConfigError as error:
            return Builder(name=name, source=source, problem=error.summary)
        nodes = tuple((str(e.name), e.address) for e in endpoints)
        return Builder(name=name, source=source, nodes=nodes)

    def _used(self) -> str:
        settings = self._settings
        if settings.builder:
            return settings.builder
        if settings.buildkit_host:
            return ""
        try:
            return self.current() or current_builder(settings)
        except ConfigError:
            return ""


def project_file(cwd: Path) -> Path | None:
    """Return the project's file for a working directory; None if there is none.

    It is looked for in the directory and in those above it, up to the root of the git repository;
    outside of a repository nowhere else: what lies around in ``/tmp`` belongs to anybody.
    """
    above = (cwd, *cwd.parents)
    root = next((at for at, folder in enumerate(above) if (folder / ".git").exists()), 0)
    paths = (folder / PROJECT_FILE for folder in above[: root + 1])
    return next((path for path in paths if path.is_file()), None)


def load(path: Path, source: str) -> BuilderFile | None:
    """Read a file of builders; None if there is no such file.

    Raises:
        ConfigError: It cannot be read, or is malformed; with its place.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}", detail=f"{error.strerror}.", hint="check its permissions"
        ) from None
    return understood(path, data, source)


def understood(path: Path, data: bytes, source: str) -> BuilderFile:
    """Return what the bytes of a file declare.

    Raises:
        ConfigError: They are malformed; with the place.
    """
    try:
        # Most users have no such file.
        from bakex.api.platforms import parse  # noqa: PLC0415 - start-up budget
        from bakex.nodes.declared import DeclaredFile  # noqa: PLC0415 - start-up budget

        document = parse(str(path), data)
        declared = read(DeclaredFile, document, document.value)
    except ConfigError as error:
        raise discreet(error) from None
    builders = dict(declared.builders)
    if PRIVATE in builders:
        raise document.error(
            ("builders", PRIVATE), "this is the name of bakex's own engine", "write another name"
        )
    return BuilderFile(path=path, source=source, document=document, builders=builders)


def discreet(error: ConfigError) -> ConfigError:
    """Return an error that shows no line of a file which may hold a secret; its place stays."""
    span = error.span
    lines = error.source.splitlines()[max(0, span.line - 2) : span.line] if span else []
    if any(_SECRET.search(line) for line in lines):
        error.source = ""
    return error


def dump(chosen: Chosen) -> bytes:
    """Return the content of the file that says which builders are in use."""
    document = {"schemaVersion": 1, "builder": chosen.builder, "projects": dict(chosen.projects)}
    return json.dumps(document, indent=2).encode() + b"\n"

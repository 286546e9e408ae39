"""Compose files to one model: the services and secrets of a project, in one form.

Each document is filled in with variables, resolved (``extends``, ``include``) and laid over what is
there; in the end relative paths are those of the working directory. Behaviour: compose-go
loader/loader.go, include.go.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex.bake.compose import canonical, dotenv, paths
from bakex.bake.compose.extending import Extender, Services
from bakex.bake.compose.including import Include, includes
from bakex.bake.compose.interpolation import Interpolator
from bakex.bake.compose.merging import cleaned, merged, same, unique
from bakex.bake.compose.problems import refusal
from bakex.bake.problems import placed
from bakex.bake.yaml.nodes import RESET, Mapping, Scalar, Sequence
from bakex.errors import CycleError, DefinitionError, SyntaxDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Dict
    from collections.abc import Sequence as List

    from bakex.bake.compose.files import Files
    from bakex.bake.compose.problems import Budget, Warnings
    from bakex.bake.yaml.nodes import YamlNode

MAX_INCLUDES = 30  # included files inside one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of a compose file.

    Attributes:
        file: The name of the file.
        root: What it says.
    """

    file: str
    root: YamlNode


@dataclass(slots=True)
class Model:
    """What some files say.

    Attributes:
        services: Name -> service, in its long form; None where no file has the section.
        secrets: Name -> secret; None where no file has the section.
    """

    services: dict[str, Mapping] | None = None
    secrets: dict[str, YamlNode] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where some files belong, and what their variables are.

    Attributes:
        environment: The variables.
        directory: What relative paths are relative to; empty for the working directory.
        home: The home directory.
        including: The files that are being included, the outermost first.
    """

    environment: Dict[str, str] = field(default_factory=dict[str, str], repr=False)
    directory: str = ""
    home: str = ""
    including: tuple[str, ...] = ()


class Loader:
    """Makes models of documents."""

    def __init__(self, files: Files, warnings: Warnings, budget: Budget) -> None:
        self._files = files
        self._warnings = warnings
        self._budget = budget

    def load(self, documents: List[Document], project: Project) -> Model:
        """Return what documents say, each laid over those before it.

        Raises:
            DefinitionError: They cannot be read as compose files, or name files that are not there.
        """
        filler = Interpolator(project.environment, self._warnings, self._budget)
        model = Model()
        for document in documents:
            inside = replace(project, including=(*project.including, document.file))
            with placed(document.root):
                self._add(document, inside, filler, model)
        _settle(model, project)
        return model

    def _add(
        self, document: Document, project: Project, filler: Interpolator, model: Model
    ) -> None:
        root = filler.interpolated(_mapping(document.root))
        services, secrets = _section(root, "services"), _section(root, "secrets")
        if services is not None:
            extender = Extender(self._others(project, filler), self._budget)
            extender.resolve(Services(file=document.file, nodes=services))
        new = _placed(services, secrets, project)
        for include in includes(root):
            self._include(include, project, new)
        self._lay(new, model)

    def _lay(self, new: Model, model: Model) -> None:
        """Lay what a document says over what those before it say."""
        if new.services is not None:
            found = dict(model.services or {})
            for name, service in new.services.items():
                path = ("services", name)
                joined = merged(found.get(name), service, path, self._budget)
                result = cleaned(joined, self._budget)
                if joined.tag == RESET:
                    found.pop(name, None)
                    continue
                if isinstance(result, Mapping):
                    result = unique(result, path)
                found[name] = canonical.service(result, path)
            model.services = found
        if new.secrets is not None:
            known = dict(model.secrets or {})
            for name, secret in new.secrets.items():
                path = ("secrets", name)
                joined = merged(known.get(name), secret, path, self._budget)
                if joined.tag == RESET:
                    known.pop(name, None)
                    continue
                known[name] = canonical.secret(cleaned(joined, self._budget), path)
            model.secrets = known

    def _others(
        self, project: Project, filler: Interpolator
    ) -> Callable[[str, YamlNode], Services]:
        def other(name: str, node: YamlNode) -> Services:
            path = paths.joined(project.directory, name, project.home)
            found: dict[str, YamlNode] = {}
            for root in self._files.documents(path, node):
                section = _section(filler.interpolated(_mapping(root)), "services")
                for key, value in (section or {}).items():
                    found[key] = merged(found.get(key), value, ("services", key), self._budget)
            # What is in that file is relative to it; the project's directory comes on top later.
            inside = replace(
                project, directory=posixpath.dirname(paths.joined("", name, project.home))
            )
            nodes: dict[str, YamlNode] = dict(_placed(found, None, inside).services or {})
            return Services(file=path, nodes=nodes)

        return other

    def _include(self, include: Include, project: Project, model: Model) -> None:
        names = [
            (paths.joined(project.directory, text, project.home), node)
            for text, node in include.paths
        ]
        if not names:
            return
        first, node = names[0]
        if first in project.including:
            chain = (*project.including[project.including.index(first) :], first)
            raise CycleError(
                "compose files include each other",
                detail=f"{' -> '.join(chain)}.",
                span=node.span,
                source=node.source.text,
            )
        if len(project.including) > MAX_INCLUDES:
            raise refusal((), f"more than {MAX_INCLUDES} includes inside one another", node)
        directory = posixpath.dirname(first)
        if include.directory:
            directory = paths.joined(project.directory, include.directory, project.home)
        inner = replace(
            project,
            directory=directory,
            environment=self._environment(include, directory, project, node),
        )
        documents = [
            Document(file=name, root=root)
            for name, at in names
            for root in self._files.documents(name, at)
        ]
        _import(self.load(documents, inner), model)

    def _environment(
        self, include: Include, directory: str, project: Project, node: YamlNode
    ) -> Dict[str, str]:
        files: list[tuple[str, YamlNode, bool]] = [
            (paths.joined(project.directory, text, project.home), at, True)
            for text, at in include.env_files
        ]
        default = posixpath.normpath(posixpath.join(directory, ".env"))
        found: dict[str, str] = {}
        for name, at, required in files or [(default, node, False)]:
            content = self._variable_file(name, at, required=required)
            if content is None:
                continue
            known = {**found, **project.environment}
            found.update(dotenv.parse(name, content, known, _ignored))
        return {**found, **project.environment}

    def _variable_file(self, name: str, node: YamlNode, *, required: bool) -> bytes | None:
        try:
            content = self._files.content(name, node)
        except DefinitionError as error:
            if required:
                raise
            # A directory of this name is often a Python environment.
            self._warnings.add(f"{name!r} is not read: {error.summary}", node)
            return None
        if content is None and required:
            raise refusal((), f"no such file: {name!r}", node)
        return content


def _ignored(name: str) -> None:
    """Take no notice of a variable that is not set in a file of variables."""


def _mapping(node: YamlNode) -> Mapping:
    if isinstance(node, Mapping):
        return node
    raise SyntaxDefinitionError(
        "a compose file must be a mapping",
        hint="write services:",
        span=node.span,
        source=node.source.text,
    )


def _section(root: YamlNode, name: str) -> dict[str, YamlNode] | None:
    node = root.get(name) if isinstance(root, Mapping) else None
    if node is None:
        return None
    if not isinstance(node, Mapping):
        raise refusal((name,), "a mapping is required", node)
    return {key: _needed(value, name) for key, value in node}


def _needed(node: YamlNode, section: str) -> YamlNode:
    # Nothing else of a service is read, so nothing else is carried along.
    if section != "services" or not isinstance(node, Mapping):
        return node
    return node.having(
        {key: node.entries[key] for key in canonical.SERVICE_KEYS if key in node.entries}
    )


def _placed(
    services: Dict[str, YamlNode] | None, secrets: Dict[str, YamlNode] | None, project: Project
) -> Model:
    """Return the model of one document: long forms, paths relative to the working directory."""
    model = Model()
    if services is not None:
        model.services = {}
        for name, node in services.items():
            service = canonical.service(node, ("services", name))
            model.services[name] = paths.rebased(service, project.directory, project.home)
    if secrets is not None:
        model.secrets = {}
        for name, node in secrets.items():
            secret = canonical.secret(node, ("secrets", name))
            model.secrets[name] = paths.keyed(secret, "file", project.directory, project.home)
    return model


def _settle(model: Model, project: Project) -> None:
    """Fill in what is left out in the services of a project."""
    context = posixpath.normpath(project.directory or ".")
    for name, node in list((model.services or {}).items()):
        found = canonical.with_context(_environment_filled(node, project), context)
        if model.services is not None:
            model.services[name] = found


def _environment_filled(service: Mapping, project: Project) -> Mapping:
    """Give the names without a value in a list ``environment`` their value."""
    listed = service.get("environment")
    if not isinstance(listed, Sequence):
        return service
    items: list[YamlNode] = []
    for item in listed.items:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            value = project.environment.get(item.value)
            items.append(item if value is None else item.having(f"{item.value}={value}"))
        else:
            items.append(item)
    name = service.entries["environment"][0]
    return service.having({**service.entries, "environment": (name, listed.having(items))})


def _import(included: Model, model: Model) -> None:
    if included.services is not None:
        services = dict(model.services or {})
        for name, service in included.services.items():
            _check_other(("services", name), services.get(name), service)
            services[name] = service
        model.services = services
    if included.secrets is not None:
        secrets = dict(model.secrets or {})
        for name, secret in included.secrets.items():
            _check_other(("secrets", name), secrets.get(name), secret)
            secrets[name] = secret
        model.secrets = secrets


def _check_other(path: tuple[str, str], own: YamlNode | None, included: YamlNode) -> None:
    if own is not None and not same(own, included):
        raise refusal(
            path,
            "an included file has one of this name",
            own,
            hint="rename one, or use extends",
        )

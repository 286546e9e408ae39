"""Compose files to targets and groups: the public entry of this package (specification 4).

Pure but for the reader that it is given: files, variables and ``.env`` come in as values.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bakex.bake.compose import dotenv as env_files
from bakex.bake.compose import schema
from bakex.bake.compose.files import Files
from bakex.bake.compose.interpolation import Interpolator, boolean
from bakex.bake.compose.loading import Document, Loader, Model
from bakex.bake.compose.loading import Project as Place
from bakex.bake.compose.problems import Budget, Warnings, refusal
from bakex.bake.compose.services import Reader, is_external, pairs, text_of
from bakex.bake.contexts import rebased
from bakex.bake.groups import DEFAULT, Group
from bakex.bake.merge import Draft, merge
from bakex.bake.problems import placed
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence
from bakex.errors import SyntaxDefinitionError
from bakex.model.bakefile import STDIN

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict
    from collections.abc import Sequence as List

    from bakex.bake.formats import ComposeFile
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.diagnostics import Diagnostic
    from bakex.interfaces import DefinitionReader

_NAME = "COMPOSE_PROJECT_NAME"
_DOTENV = ".env"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The targets and groups of some compose files.

    Attributes:
        targets: Name -> target, sorted.
        groups: ``default``, if there are services.
        warnings: What is odd but no error.
        sources: File name -> text, to show the places of faults.
    """

    targets: Dict[str, Draft] = field(default_factory=dict[str, Draft])
    groups: Dict[str, Group] = field(default_factory=dict[str, Group])
    warnings: tuple[Diagnostic, ...] = ()
    sources: Dict[str, str] = field(default_factory=dict[str, str])


def load(
    files: List[ComposeFile],
    *,
    variables: Dict[str, str],
    environ: Dict[str, str],
    dotenv: bytes | None = None,
    reader: DefinitionReader | None = None,
    home: str = "",
    relative: bool = False,
) -> Project:
    """Return the targets of compose files, which are one project; the later lie over the earlier.

    Every file must be a compose file by itself, too, as in the reference.

    Args:
        files: In order.
        variables: ``--var``: go before everything.
        environ: The environment, as far as files may look into it.
        dotenv: The content of ``.env`` in the working directory; goes behind the environment.
        reader: Reads the files that others include, extend or name as ``env_file``; without it
            naming one is an error.
        home: The home directory, for paths that start with ``~``.
        relative: Whether contexts are relative to the directory of the first file.

    Raises:
        DefinitionError: The files, or those that they name, are no compose files, or say something
            that cannot be built; with a place.
    """
    loading = _Loading(variables, environ, dotenv, reader, home)
    for file in files if len(files) > 1 else ():
        loading.check(file)
    base = _base(files[0].source.name) if relative else ""
    return loading.project(files, base)


class _Loading:
    """The loading of one project."""

    def __init__(
        self,
        variables: Dict[str, str],
        environ: Dict[str, str],
        env_file: bytes | None,
        reader: DefinitionReader | None,
        home: str,
    ) -> None:
        self._files = Files(reader)
        self._warnings = Warnings()
        self._budget = Budget()
        self._home = home
        self._variables = _variables(variables, environ, env_file, self._warnings)
        self._loader = Loader(self._files, self._warnings, self._budget)

    def check(self, file: ComposeFile) -> None:
        """Refuse a file that is no compose file by itself."""
        environment = self._environment([file])
        model = self._model([file], environment)
        for name, service in (model.services or {}).items():
            self._service_environment(name, service, environment)

    def project(self, files: List[ComposeFile], base: str) -> Project:
        """Return the project of some files."""
        environment = self._environment(files)
        model = self._model(files, environment)
        services, secrets = model.services or {}, model.secrets or {}
        _check_secrets(secrets)
        reader = Reader(secrets, environment, self._warnings)
        targets: dict[str, Draft] = {}
        for name, service in sorted(services.items()):
            _check_service(name, service, services)
            variables = self._service_environment(name, service, environment)
            if "build" not in service.entries:
                continue
            draft = _based(reader.draft(name, service, variables), base)
            target = name.replace(".", "_")
            targets[target] = merge(targets[target], draft) if target in targets else draft
        groups: dict[str, Group] = {}
        if services:
            groups[DEFAULT] = Group(name=DEFAULT, targets=tuple(targets) or None)
        sources = {**{file.source.name: file.source.text for file in files}, **self._files.sources}
        return Project(
            targets=targets, groups=groups, warnings=self._warnings.all(), sources=sources
        )

    def _model(self, files: List[ComposeFile], environment: Dict[str, str]) -> Model:
        documents = [
            Document(file=file.source.name, root=root) for file in files for root in file.documents
        ]
        model = self._loader.load(documents, Place(environment=environment, home=self._home))
        if model.services is None and model.secrets is None:
            source = files[0].source
            raise SyntaxDefinitionError(
                f"{source.name!r} has no services",
                hint="write services: for compose, or target: for bake",
                span=source.span(0, 0),
                source=source.text,
            )
        schema.check(model)
        return model

    def _environment(self, files: List[ComposeFile]) -> Dict[str, str]:
        """Return the variables, with the name of the project among them."""
        name = self._variables.get(_NAME) or "bake"
        written: Scalar | None = None
        for file in files:
            for root in file.documents:
                node = root.get("name") if isinstance(root, Mapping) else None
                if isinstance(node, Scalar) and text_of(node):
                    written = node.having(text_of(node))
        if written is not None:
            filler = Interpolator(self._variables, self._warnings, self._budget)
            name = text_of(filler.interpolated(written, ("name",))) or name
        return {**self._variables, _NAME: name}

    def _service_environment(
        self, name: str, service: Mapping, environment: Dict[str, str]
    ) -> Dict[str, str | None]:
        """Return the variables of a service: those of its files below its own."""
        own = {
            key: environment.get(key) if value is None else value
            for key, value in pairs(service.get("environment")).items()
        }
        found = {key: value for key, value in own.items() if value is not None}
        known = {**found, **environment}
        listed = service.get("env_file")
        for entry in listed.items if isinstance(listed, Sequence) else ():
            path = ("services", name, "env_file")
            found.update(self._env_file(entry, path, known, found))
        return {**found, **own}

    def _env_file(
        self,
        entry: YamlNode,
        path: tuple[str, ...],
        known: Dict[str, str],
        below: Dict[str, str],
    ) -> Dict[str, str]:
        node = entry.get("path") if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping) or not isinstance(node, Scalar):
            return {}
        name, form = text_of(node), text_of(entry.get("format"))
        content = self._files.content(name, node)
        if content is None:
            if _is_required(entry):
                raise refusal(path, f"no such file: {name!r}", node)
            return {}
        if form:
            raise refusal(path, f"unknown format {form!r}", entry, hint="leave format out")
        return env_files.parse(
            name, content, known, lambda variable: self._unset(variable, node), below
        )

    def _unset(self, name: str, node: YamlNode) -> None:
        self._warnings.add(f"the variable {name!r} is not set and counts as empty", node)


def _is_required(entry: Mapping) -> bool:
    node = entry.get("required")
    value = node.value if isinstance(node, Scalar) else True
    if isinstance(value, str):
        with placed(entry):
            return boolean(value)
    return bool(value)


def _variables(
    variables: Dict[str, str],
    environ: Dict[str, str],
    content: bytes | None,
    warnings: Warnings,
) -> dict[str, str]:
    def unset(name: str) -> None:
        warnings.add(f"the variable {name!r} is not set and counts as empty", None)

    written = {} if content is None else env_files.parse(_DOTENV, content, environ, unset)
    return {**written, **environ, **variables}


def _base(name: str) -> str:
    return "" if name == STDIN else posixpath.dirname(name)


def _based(draft: Draft, base: str) -> Draft:
    if not base:
        return draft
    values = dict(draft.values)
    for name in ("context", "contexts"):
        value = values.get(name)
        if isinstance(value, str):
            values[name] = rebased(value, base)
        elif isinstance(value, dict):
            values[name] = {key: rebased(text, base) for key, text in value.items()}
    return replace(draft, values=values, directory=base)


def _check_secrets(secrets: Dict[str, YamlNode]) -> None:
    for name, node in secrets.items():
        if not isinstance(node, Mapping) or is_external(node):
            continue
        if not text_of(node.get("file")) and not text_of(node.get("environment")):
            raise refusal(
                ("secrets", name), "it comes from nowhere", node, hint="write file: or environment:"
            )


def _check_service(name: str, service: Mapping, services: Dict[str, Mapping]) -> None:
    path = ("services", name)
    build = service.get("build")
    if not isinstance(build, Mapping):
        if not text_of(service.get("image")):
            raise refusal(path, "there is neither image nor build", service, hint="write build: .")
        return
    inline = build.get("dockerfile_inline")
    if inline is not None and text_of(inline) and text_of(build.get("dockerfile")):
        raise refusal(
            (*path, "build"),
            "dockerfile and dockerfile_inline exclude each other",
            inline,
            hint="remove one of the two",
        )
    contexts = build.get("additional_contexts")
    for key, node in contexts if isinstance(contexts, Mapping) else ():
        text = text_of(node)
        if text.startswith("service:"):
            other = services.get(text.removeprefix("service:"))
            if other is None or "build" not in other.entries:
                raise refusal(
                    (*path, "build", "additional_contexts", key),
                    f"there is no service {text.removeprefix('service:')!r} that is built",
                    node,
                )

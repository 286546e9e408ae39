"""Compose files in one line: texts in, a project out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from bakex.bake.bodies import SCHEMA
from bakex.bake.compose.project import Project, load
from bakex.bake.formats import parsed
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.merge import Draft


class Shelf:
    """A `DefinitionReader` over a mapping."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def read(self, name: str) -> bytes | None:
        text = self._files.get(name)
        return None if text is None else text.encode()

    def glob(self, pattern: str) -> tuple[str, ...]:
        raise NotImplementedError(pattern)


class Load(Protocol):
    def __call__(
        self,
        *texts: str,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        dotenv: str | None = None,
        others: Mapping[str, str] | None = None,
        names: tuple[str, ...] = (),
        relative: bool = False,
    ) -> Project: ...


def _load(
    *texts: str,
    environ: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    dotenv: str | None = None,
    others: Mapping[str, str] | None = None,
    names: tuple[str, ...] = (),
    relative: bool = False,
) -> Project:
    """Load texts as the files ``0.yaml``, ``1.yaml`` ...

    Args:
        texts: What the files say.
        environ: The environment.
        variables: Overrides of variables.
        dotenv: The content of ``.env``.
        others: Files that they can name, by name; None for no reader.
        names: Other names for the files.
        relative: Whether contexts are relative to the first file.
    """
    files = []
    for index, text in enumerate(texts):
        name = names[index] if names else f"{index}.yaml"
        file = BakeFile(name=name, content=text.encode(), syntax=Syntax.YAML)
        compose = parsed(file, SCHEMA).compose
        assert compose is not None
        files.append(compose)
    return load(
        files,
        variables=variables or {},
        environ=environ or {},
        dotenv=None if dotenv is None else dotenv.encode(),
        reader=None if others is None else Shelf(others),
        home="/home/u",
        relative=relative,
    )


@pytest.fixture
def load_project() -> Load:
    return _load


class Build(Protocol):
    def __call__(self, build: str, *, rest: str = "", environ: str = "") -> dict[str, object]: ...


def _build(build: str, *, rest: str = "", environ: str = "") -> dict[str, object]:
    """Return what the service ``a`` with a ``build`` means, its default context left out.

    Args:
        build: In YAML's flow style.
        rest: Other sections of the file.
        environ: ``NAME=VALUE``, separated by blanks.
    """
    variables = dict(item.split("=", 1) for item in environ.split())
    project = _load(f"services: {{a: {{build: {build}}}}}\n{rest}", environ=variables)
    return settings(project.targets["a"])


@pytest.fixture
def build() -> Build:
    return _build


def settings(draft: Draft) -> dict[str, object]:
    """Return a draft with composite values as documents."""
    found: dict[str, object] = {}
    for name, value in draft.values.items():
        if isinstance(value, tuple):
            found[name] = [i if isinstance(i, str) else i.document() for i in value]
        else:
            found[name] = value
    if found.get("context") == ".":
        del found["context"]
    return found

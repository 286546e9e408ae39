"""Bake files in one line: texts in, a definition out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

import pytest

from bakex.bake.definition import Definition, load
from bakex.bake.functions.function import Context
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping


class Define(Protocol):
    def __call__(
        self,
        *texts: str,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        names: tuple[str, ...] = (),
        others: Mapping[str, str] | None = None,
    ) -> Definition: ...


class Shelf:
    """A `DefinitionReader` over a mapping."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def read(self, name: str) -> bytes | None:
        text = self._files.get(name)
        return None if text is None else text.encode()

    def glob(self, pattern: str) -> tuple[str, ...]:
        return tuple(sorted(n for n in self._files if PurePosixPath(n).match(pattern)))


def _define(
    *texts: str,
    environ: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    names: tuple[str, ...] = (),
    others: Mapping[str, str] | None = None,
) -> Definition:
    """Evaluate texts as the files ``0.hcl``, ``1.hcl`` ...; JSON where they start with a brace.

    Args:
        texts: What the files say.
        environ: The environment.
        variables: Overrides of variables.
        names: Other names for the files.
        others: What they can include, by name.
    """
    files = [
        BakeFile(
            name=names[index] if names else f"{index}.hcl",
            content=text.encode(),
            syntax=Syntax.JSON if text.startswith(("{", "[")) else Syntax.NATIVE,
        )
        for index, text in enumerate(texts)
    ]
    return load(
        files,
        variables=variables or {},
        environ=environ or {},
        platform="linux/amd64",
        context=Context(
            now=lambda: datetime(2024, 1, 2, tzinfo=UTC), random_bytes=bytes, home="/home/u"
        ),
        reader=None if others is None else Shelf(others),
    )


@pytest.fixture
def define() -> Define:
    return _define

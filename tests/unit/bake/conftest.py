"""Bake files in one line: texts in, a definition out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import pytest

from bakex.bake.definition import Definition, load
from bakex.bake.functions.function import Context
from bakex.bake.source import BakeFile, Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping


class Define(Protocol):
    def __call__(
        self,
        *texts: str,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        names: tuple[str, ...] = (),
    ) -> Definition: ...


def _define(
    *texts: str,
    environ: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    names: tuple[str, ...] = (),
) -> Definition:
    """Evaluate texts as the files ``0.hcl``, ``1.hcl`` ...; JSON where they start with a brace."""
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
    )


@pytest.fixture
def define() -> Define:
    return _define

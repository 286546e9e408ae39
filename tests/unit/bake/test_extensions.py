from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.definition import Definition
from bakex.bake.extensions import Extension, ordered, strict
from bakex.diagnostics import Span
from bakex.errors import DefinitionError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def test_a_plain_definition_passes(define: Define) -> None:
    strict(define('target "t" { tags = ["x"] }'))


def test_all_uses_are_reported_in_the_order_of_the_files(define: Define) -> None:
    found = define(
        'include = ["a.hcl"]\ntarget "t" {\n  tags = [self.name]\n  platform "linux/arm64" {\n'
        "    args = { P = self.platform }\n  }\n}",
        others={"a.hcl": 'group "g" {\n  targets = []\n  platforms = ["linux/arm64"]\n}'},
    )
    with pytest.raises(DefinitionError) as caught:
        strict(found)
    diagnostics = caught.value.diagnostics()
    assert [(d.summary, str(d.span)) for d in diagnostics] == [
        (f"{what} is no part of the reference's language", place)
        for what, place in (
            ("the attribute 'platforms' of a group", "a.hcl:3:3"),
            ("the attribute 'include'", "0.hcl:1:1"),
            ("'self'", "0.hcl:3:11"),
            ("a platform block", "0.hcl:4:3"),
            ("'self'", "0.hcl:5:18"),
        )
    ]
    assert all(d.hint and d.detail and d.source for d in diagnostics)


def test_what_has_no_place_comes_first() -> None:
    somewhere = Extension(what="b", span=Span("x", 1))
    nowhere = Extension(what="a")
    assert ordered([somewhere, nowhere], ["x"]) == (nowhere, somewhere)
    with pytest.raises(DefinitionError, match=r"^a is no part") as caught:
        strict(Definition(extensions=(nowhere,)))
    assert caught.value.diagnostics()[0].hint == ""

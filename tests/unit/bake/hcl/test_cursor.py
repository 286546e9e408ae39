from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.hcl.cursor import MAX_NESTING, Cursor
from bakex.bake.hcl.faults import Fault
from bakex.bake.hcl.lexer import tokenize
from bakex.bake.hcl.source import Source

if TYPE_CHECKING:
    from bakex.bake.hcl.syntax import Expression


class Plain(Cursor):
    def expression(self) -> Expression:
        raise NotImplementedError


def cursor(text: str) -> Cursor:
    return Plain(Source("a", text), text, tokenize(text)[0])


def test_newlines_count_only_where_they_should() -> None:
    at = cursor("\n\na")
    assert at.peek() == "newline"
    at.newlines = False
    assert at.peek() == "name"
    assert at.word() == "a"
    assert at.at_word("a")
    assert not at.at_word("b")


def test_faults_point_at_tokens() -> None:
    at = cursor('x\n"text" \'')
    fault = at.fault("wrong", detail="d", hint="h", at=2)
    assert (fault.start, fault.end, fault.quiet) == (2, 3, False)
    assert at.fault("follows", at=3).quiet
    assert at.fault("here").start == 0
    assert at.line_of(2) == 2


def test_nesting_has_an_end() -> None:
    at = cursor("a")
    for _ in range(MAX_NESTING):
        at.descend()
    with pytest.raises(Fault, match="nested too deeply"):
        at.descend()

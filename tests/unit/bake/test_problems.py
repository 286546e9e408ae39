from __future__ import annotations

import pytest

from bakex.bake.hcl.source import Source
from bakex.bake.hcl.syntax import Node
from bakex.bake.problems import placed, placed_at, prefix
from bakex.diagnostics import Span
from bakex.errors import DefinitionError

SOURCE = Source("f.hcl", "one\ntwo three\n")


def test_an_error_without_a_place_gets_one() -> None:
    with pytest.raises(DefinitionError) as caught, placed(Node(SOURCE, 8, 13), "word"):
        raise DefinitionError("bad")
    assert str(caught.value) == caught.value.summary == "word: bad"
    assert caught.value.span == Span("f.hcl", 2, 5, 2, 10)
    assert caught.value.source == SOURCE.text


def test_an_error_keeps_the_place_that_it_has() -> None:
    span = Span("g.hcl", 7)
    with pytest.raises(DefinitionError) as caught, placed(Node(SOURCE, 0, 3), "word"):
        raise DefinitionError("bad", span=span)
    assert (caught.value.summary, caught.value.span) == ("bad", span)


def test_a_place_without_extent() -> None:
    with pytest.raises(DefinitionError) as caught, placed_at(SOURCE, 4):
        raise DefinitionError("missing")
    assert (caught.value.summary, caught.value.span) == ("missing", Span("f.hcl", 2, 1, 2, 1))


def test_prefix() -> None:
    error = DefinitionError("bad")
    prefix(error, "target 'a'")
    assert str(error) == error.summary == "target 'a': bad"

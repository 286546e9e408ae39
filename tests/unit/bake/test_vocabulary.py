from __future__ import annotations

import pytest

from bakex.bake import vocabulary
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source

EVERY = (
    *vocabulary.ROOT,
    *vocabulary.TARGET,
    *vocabulary.GROUP,
    *vocabulary.VARIABLE,
    *vocabulary.VALIDATION,
    *vocabulary.FUNCTION,
)


@pytest.mark.parametrize("word", EVERY, ids=lambda word: word.name)
def test_every_word_has_a_sentence_and_an_example(word: vocabulary.Word) -> None:
    assert word.doc.endswith(".")
    body, problems = parse(Source("x.hcl", word.example + "\n"))
    assert not problems
    assert list(body.attributes) == [word.name]


def test_names_are_in_order() -> None:
    assert vocabulary.names(vocabulary.FUNCTION) == ("params", "variadic_params", "result")

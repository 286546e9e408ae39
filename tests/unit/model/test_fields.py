from __future__ import annotations

import pytest

from bakex.errors import DefinitionError
from bakex.model.fields import boolean, record, texts, write


def test_record_and_write() -> None:
    assert record('a=1,"b=2,3",c', "thing") == (("a", "1"), ("b", "2,3"), ("c", None))
    assert write([("a", "1"), ("b", "2,3")]) == 'a=1,"b=2,3"'


def test_a_broken_record_names_the_kind() -> None:
    with pytest.raises(DefinitionError, match="invalid thing"):
        record('a="', "thing")


def test_texts_leaves_out_what_is_unset() -> None:
    assert texts({"a": "1", "b": None}) == {"a": "1"}


def test_texts_refuses_other_values() -> None:
    with pytest.raises(DefinitionError, match="'a'"):
        texts({"a": ["1"]})


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_true(text: str) -> None:
    assert boolean(text, "x")


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_false(text: str) -> None:
    assert not boolean(text, "x")


@pytest.mark.parametrize("text", ["", "yes", "tRUE", " true"])
def test_no_boolean(text: str) -> None:
    with pytest.raises(DefinitionError, match="for x"):
        boolean(text, "x")

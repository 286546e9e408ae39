"""What holds for every composite value, whatever it is made of."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.annotations import Annotation
from bakex.model.attributes import Composite, declared
from bakex.model.call import Call
from bakex.model.platform import Platform
from bakex.model.target import Target
from bakex.model.ulimits import Ulimit

KINDS: dict[str, type[Composite]] = {
    name: attr.composite for name, (_, attr) in declared(Target).items() if attr.composite
}
_TEXT = st.text(alphabet='=,:"[]/- \n\x00aé1') | st.text()
_OBJECT = st.dictionaries(
    st.sampled_from(["type", "id", "src", "dest", "paths", "disabled", "strict", "x"]),
    st.none() | st.text(max_size=4) | st.lists(st.text(max_size=2), max_size=2),
)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(text=_TEXT)
def test_any_text_is_read_or_refused(kind: type[Composite], text: str) -> None:
    with contextlib.suppress(DefinitionError):
        for value in kind.parse(text):
            assert kind.parse(value.format())[0].key == value.key
            json.dumps(value.document())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(fields=_OBJECT)
@pytest.mark.slow
def test_any_object_is_read_or_refused(kind: type[Composite], fields: dict[str, object]) -> None:
    with contextlib.suppress(DefinitionError):
        json.dumps(kind.of(fields).document())


@given(_TEXT)
def test_other_values_are_read_or_refused(text: str) -> None:
    for parse in (Annotation.parse, Ulimit.parse, Call.parse, Platform.parse):
        with contextlib.suppress(DefinitionError):
            parse(text)

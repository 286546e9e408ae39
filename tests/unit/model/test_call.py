from __future__ import annotations

import pytest

from bakex.errors import DefinitionError
from bakex.model.call import Call


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("", Call(name="")),
        ("build", Call(name="")),
        ("check", Call(name="lint")),
        ("outline,format=json", Call(name="outline", format="json")),
        (
            "foo,format=json,ignorestatus=true",
            Call(name="foo", format="json", ignore_status=True),
        ),
    ],
)
def test_parse(text: str, call: Call) -> None:
    assert Call.parse(text) == call
    assert Call.parse(call.write()) == call


@pytest.mark.parametrize("text", ["a,b", "a,foo=b", "check,ignorestatus=x", '"'])
def test_what_is_no_call(text: str) -> None:
    with pytest.raises(DefinitionError):
        Call.parse(text)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.policy import Policy


def test_parse() -> None:
    text = "filename=a,filename=b,reset=true,disabled=1,strict=false,log-level=debug"
    assert Policy.parse(text) == (
        Policy(files=("a", "b"), reset=True, disabled=True, strict=False, log_level="debug"),
    )


@pytest.mark.parametrize(
    "text", ["x", "foo=1", "filename=", "reset=x", "log-level=zz", "strict=", ""]
)
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(DefinitionError):
        Policy.parse(text)


def test_an_object_may_be_empty() -> None:
    assert Policy.of({}) == Policy()
    assert Policy.of({"filename": ""}) == Policy()
    with pytest.raises(DefinitionError, match="foo=x"):
        Policy.of({"foo": "x"})


def test_warn_is_warning() -> None:
    assert Policy.of({"log-level": "WARN"}).log_level == "warning"


def test_document_has_every_key() -> None:
    assert Policy().document() == {
        "Files": None, "Reset": False, "Disabled": False, "Strict": None, "LogLevel": None
    }  # fmt: skip
    assert Policy(files=("x",)).document()["Files"] == [{"Filename": "x", "Data": None}]


@given(
    st.builds(
        Policy,
        files=st.lists(st.text(alphabet='ab,"', min_size=1), max_size=2).map(tuple),
        reset=st.booleans(),
        disabled=st.booleans(),
        strict=st.sampled_from([None, True, False]),
        log_level=st.sampled_from(["", "debug", "warning"]),
    )
)
def test_format_and_parse_are_inverse(policy: Policy) -> None:
    assert Policy.parse(policy.format()) == (policy,)
    assert policy.key == policy.format()


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(files=("a.rego", "b.rego"), reset=True, strict=False),
        Policy(disabled=True, strict=True, log_level="debug"),
    ],
)
def test_what_is_printed_can_be_read(policy: Policy) -> None:
    fields = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in policy.document().items()
    }
    assert Policy.of(fields) == policy

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.secrets import Secret, SecretValue

_WORD = st.text(alphabet='ab1/:,"= ')


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("id=a", Secret(id="a")),
        ("id=a,src=f", Secret(id="a", src="f")),
        ("ID=a,Source=f", Secret(id="a", src="f")),
        ("id=a,env=V", Secret(id="a", env="V")),
        ("type=env,id=a,src=HOME", Secret(id="a", env="HOME")),
        ("type=env,id=a,src=f,env=V", Secret(id="a", src="f", env="V")),
        ("type=file,id=a,src=f", Secret(id="a", src="f")),
    ],
)
def test_parse(text: str, secret: Secret) -> None:
    assert Secret.parse(text) == (secret,)


@pytest.mark.parametrize("text", ["a", "id=a,foo=b", "id=a,type=x", ""])
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(DefinitionError):
        Secret.parse(text)


def test_a_fault_does_not_repeat_what_may_be_a_value() -> None:
    with pytest.raises(DefinitionError) as caught:
        Secret.parse("id=a,value=hunter2")
    assert "hunter2" not in str(caught.value.diagnostics())


def test_an_object_ignores_other_keys() -> None:
    assert Secret.of({"id": "a", "env": "V", "type": "file"}) == Secret(id="a", env="V")


def test_document_leaves_out_what_is_empty() -> None:
    assert list(Secret(id="a", src="f", env="V").document()) == ["id", "src", "env"]
    assert Secret(id="a").document() == {"id": "a"}


@given(_WORD, _WORD, _WORD)
def test_format_and_parse_are_inverse(name: str, src: str, env: str) -> None:
    secret = Secret(id=name, src=src, env=env)
    assert Secret.parse(secret.format()) == (secret,)
    assert secret.key == name


def test_a_value_shows_nothing_of_itself() -> None:
    value = SecretValue(b"hunter2")
    assert value.reveal() == b"hunter2"
    assert "hunter2" not in f"{value} {value!r}"
    with pytest.raises(TypeError):
        pickle.dumps(value)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.ssh import Ssh


@pytest.mark.parametrize(
    ("text", "ssh"),
    [
        ("default", Ssh()),
        ("", Ssh()),
        ("=k", Ssh(paths=("k",))),
        ("a=k1,k2", Ssh(id="a", paths=("k1", "k2"))),
        ("a=", Ssh(id="a")),
    ],
)
def test_parse(text: str, ssh: Ssh) -> None:
    assert Ssh.parse(text) == (ssh,)


def test_an_object() -> None:
    assert Ssh.of({"id": "a", "paths": ["k"]}) == Ssh(id="a", paths=("k",))
    assert Ssh.of({}) == Ssh()


@pytest.mark.parametrize("paths", ["k", [1], {"a": "b"}])
def test_paths_are_a_list_of_texts(paths: object) -> None:
    with pytest.raises(DefinitionError):
        Ssh.of({"paths": paths})


def test_document() -> None:
    assert Ssh().document() == {"id": "default"}
    assert Ssh(id="a", paths=("k",)).document() == {"id": "a", "paths": ["k"]}


@given(
    st.text(alphabet="ab", min_size=1), st.lists(st.text(alphabet="ab/ =", min_size=1), max_size=3)
)
def test_format_and_parse_are_inverse(name: str, paths: list[str]) -> None:
    ssh = Ssh(id=name, paths=tuple(paths))
    assert Ssh.parse(ssh.format()) == (ssh,)
    assert ssh.key == name

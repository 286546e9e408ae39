from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.outputs import Output

_WORD = st.text(alphabet='ab1/:,"= ', min_size=1)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("foo", Output(type="local", dest="foo")),
        ("-", Output(type="tar", dest="-")),
        ("dest=x", Output(type="local", dest="dest=x")),
        ("Type=image", Output(type="local", dest="Type=image")),
        ("type=image", Output(type="image")),
        ("type=local,dest=x", Output(type="local", dest="x")),
        ("type=image, name=x", Output(type="image", attrs={"name": "x"})),
        ('type=image,"name=a,b"', Output(type="image", attrs={"name": "a,b"})),
        ("TYPE=image,PUSH=true", Output(type="image", attrs={"push": "true"})),
    ],
)
def test_parse(text: str, output: Output) -> None:
    assert Output.parse(text) == (output,)


@pytest.mark.parametrize("text", ["a,b", "dest=x,name=y", "type=", ""])
def test_what_is_no_output(text: str) -> None:
    with pytest.raises(DefinitionError):
        Output.parse(text)


def test_an_object() -> None:
    assert Output.of({"type": "local", "dest": "x"}) == Output(type="local", dest="x")
    with pytest.raises(DefinitionError, match="without a type"):
        Output.of({"dest": "x"})


@pytest.mark.parametrize(
    ("output", "pushes"),
    [
        (Output(type="registry"), True),
        (Output(type="image", attrs={"push": "true"}), True),
        (Output(type="image", attrs={"push": "false"}), False),
        (Output(type="image"), False),
        (Output(type="docker", attrs={"push": "true"}), False),
    ],
)
def test_pushes(output: Output, *, pushes: bool) -> None:
    assert output.pushes is pushes


@pytest.mark.parametrize("kind", ["tar", "oci"])
def test_an_archive_goes_to_standard_output_by_default(kind: str) -> None:
    assert Output(type=kind).completed() == Output(type=kind, dest="-")
    assert Output(type=kind, dest="x").completed() == Output(type=kind, dest="x")


def test_docker_without_destination_is_loaded() -> None:
    assert Output(type="docker").completed() == Output(type="docker")


@pytest.mark.parametrize("dest", ["", "-"])
@pytest.mark.parametrize("kind", ["local", "oci", "docker"])
def test_a_directory_must_be_named(kind: str, dest: str) -> None:
    attrs = {} if kind == "local" else {"tar": "false"}
    with pytest.raises(DefinitionError, match=kind):
        Output(type=kind, dest=dest, attrs=attrs).completed()


def test_document_shows_no_empty_destination() -> None:
    assert Output(type="image", attrs={"a": "b"}).document() == {"a": "b", "type": "image"}
    assert list(Output(type="local", dest="x").document()) == ["dest", "type"]


@given(st.dictionaries(st.sampled_from(["name", "push", "tar"]), _WORD), _WORD, _WORD)
def test_format_and_parse_are_inverse(attrs: dict[str, str], kind: str, dest: str) -> None:
    output = Output(type=kind, dest=dest, attrs=attrs)
    assert Output.parse(output.format()) == (output,)
    assert output.key == output.format()

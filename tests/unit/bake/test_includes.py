from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake import includes
from bakex.bake.bodies import parse_file
from bakex.bake.functions.function import Context
from bakex.bake.hcl.source import Source
from bakex.bake.resolve import resolve
from bakex.errors import CycleError, DefinitionError, EvaluationError, UnknownTargetError
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.definition import Definition
    from tests.unit.bake.conftest import Define

CONTEXT = Context(now=lambda: pytest.fail("no time"), random_bytes=bytes, home="")
VARIABLE = 'variable "V" { default = "%s" }'


def tags(definition: Definition, name: str = "t") -> tuple[str, ...]:
    return definition.targets[name].get_texts("tags")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('include = ["v.hcl"]\ntarget "t" { tags = [V] }', "docker-bake.hcl"),
        ('include = ["./v.hcl"]\ntarget "t" { tags = [V] }', "docker-bake.hcl"),
        ('include = ["${"v"}.hcl"]\ntarget "t" { tags = [V] }', "docker-bake.hcl"),
        ('include = ["../v.hcl"]\ntarget "t" { tags = [V] }', "sub/x.hcl"),
        ('include = ["v.hcl"]\ntarget "t" { tags = [V] }', "-"),
        ('{"include": ["v.hcl"], "target": {"t": {"tags": ["${V}"]}}}', "docker-bake.json"),
    ],
)
def test_a_file_is_included(define: Define, text: str, name: str) -> None:
    found = define(text, names=(name,), others={"v.hcl": VARIABLE % "x"})
    assert tags(found) == ("x",)
    assert list(found.sources) == ["v.hcl", name]


def test_the_including_file_has_the_last_word(define: Define) -> None:
    found = define(
        f'include = ["v.hcl"]\n{VARIABLE % "mine"}\ntarget "t" {{ tags = [V] }}',
        others={"v.hcl": VARIABLE % "theirs"},
    )
    assert tags(found) == ("mine",)


def test_patterns_fit_in_order_and_never_the_file_itself(define: Define) -> None:
    found = define(
        'include = ["*.hcl", "none/*.hcl"]\ntarget "t" { tags = [V] }',
        names=("m.hcl",),
        others={"m.hcl": "", "b.hcl": VARIABLE % "b", "a.hcl": VARIABLE % "a"},
    )
    assert list(found.sources) == ["a.hcl", "b.hcl", "m.hcl"]
    assert tags(found) == ("b",)


def test_a_directory_may_have_the_name_of_a_pattern(define: Define) -> None:
    found = define(
        'include = ["x*.hcl"]', names=("[a]/m.hcl",), others={"[a]/x1.hcl": VARIABLE % "b"}
    )
    assert list(found.sources) == ["[a]/x1.hcl", "[a]/m.hcl"]


def test_a_diamond_is_merged_once(define: Define) -> None:
    found = define(
        'include = ["a.hcl", "b.hcl"]',
        others={
            "a.hcl": 'include = ["base/base.hcl"]',
            "b.hcl": 'include = ["base/../base/base.hcl"]',
            "base/base.hcl": 'target "t" {\n  entitlements = ["x"]\n}',
        },
    )
    assert list(found.sources) == ["base/base.hcl", "a.hcl", "b.hcl", "0.hcl"]


def test_a_given_file_keeps_its_place(define: Define) -> None:
    found = define(
        'include = ["1.hcl"]\ntarget "t" { tags = [V] }',
        'include = ["0.hcl"]\nvariable "V" { default = "x" }',
        others={"0.hcl": "nonsense", "1.hcl": "nonsense"},
    )
    assert list(found.sources) == ["0.hcl", "1.hcl"]


def test_an_empty_file_says_nothing(define: Define) -> None:
    assert list(define('include = ["a.hcl"]', others={"a.hcl": ""}).sources) == ["0.hcl"]


@pytest.mark.parametrize(
    ("text", "others", "chain"),
    [
        ('include = ["0.hcl"]', {}, "0.hcl -> 0.hcl."),
        (
            'include = ["a.hcl"]',
            {"a.hcl": 'include = ["b.hcl"]', "b.hcl": 'include = ["a.hcl"]'},
            "a.hcl -> b.hcl -> a.hcl.",
        ),
    ],
)
def test_circles_show_the_chain(
    define: Define, text: str, others: Mapping[str, str], chain: str
) -> None:
    with pytest.raises(CycleError) as caught:
        define(text, others=others)
    assert caught.value.detail.startswith(chain)
    assert caught.value.span is not None


def test_a_missing_file_is_an_error_with_a_place(define: Define) -> None:
    with pytest.raises(DefinitionError, match=r"no such file: 'sub/nope.hcl'") as caught:
        define('include = ["sub/a.hcl"]', others={"sub/a.hcl": '\ninclude = ["nope.hcl"]'})
    assert str(caught.value.span) == "sub/a.hcl:2:12"
    assert caught.value.detail == "Included from 0.hcl:1:12."


@pytest.mark.parametrize("name", ["https://host/x.hcl", "", "-"])
def test_what_is_no_file_is_refused(define: Define, name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be included"):
        define(f'include = ["{name}"]', others={})


@pytest.mark.parametrize("name", ["a.hcl", "*.hcl"])
def test_without_a_reader_nothing_can_be_included(define: Define, name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be included here"):
        define(f'include = ["{name}"]')


class Refusing:
    def read(self, name: str) -> bytes | None:
        raise DefinitionError(f"cannot read {name}")

    def glob(self, pattern: str) -> tuple[str, ...]:
        raise DefinitionError(f"cannot list {pattern}")


class Endless:
    """Each file includes a larger one, or all of the given ones."""

    def __init__(self, text: str, names: tuple[str, ...] = ()) -> None:
        self._text = text
        self._names = names

    def read(self, name: str) -> bytes | None:
        return self._text.replace("NAME", f"x{name}").encode()

    def glob(self, pattern: str) -> tuple[str, ...]:
        return self._names


def expand(text: str, reader: Refusing | Endless) -> includes.Expansion:
    file = BakeFile(name="0.hcl", content=text.encode(), syntax=Syntax.NATIVE)
    return includes.expanded([file], reader, CONTEXT, parse_file)


@pytest.mark.parametrize("name", ["a.hcl", "*.hcl"])
def test_what_the_reader_refuses_gets_the_place(name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot") as caught:
        expand(f'include = ["{name}"]', Refusing())
    assert str(caught.value.span) == "0.hcl:1:12"


def test_too_deep() -> None:
    with pytest.raises(DefinitionError, match="too many files"):
        expand('include = ["a.hcl"]', Endless('include = ["NAME"]'))


def test_too_many() -> None:
    names = tuple(f"{i}.x" for i in range(includes.MAX_FILES + 1))
    with pytest.raises(DefinitionError, match="too many files"):
        expand('include = ["*.hcl"]', Endless("a = 1", names))


def test_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MAX_BYTES", 20)
    with pytest.raises(DefinitionError, match="too much"):
        expand('include = ["*.hcl"]', Endless("a = 1 # 12345678", ("a", "b")))


@pytest.mark.parametrize(
    "text",
    [
        'variable "include" { default = ["x"] }\ninclude = ["y.hcl"]\nz = 1',
        'include = ["y.hcl"]\ntarget "t" { tags = include }',
        'include = ["y.hcl"]\ntarget "t" { tags = [for v in include : v] }',
        '{"include": ["y.hcl"], "target": {"t": {"tags": "${include}"}}}',
        'include = "y.hcl"',
        "include = []",
        "include = [1]",
        "include = [null]",
        'include = ["${x}"]\nx = "y.hcl"',
        'include = [lower("Y.hcl")]',
        'target "t" { include = ["y.hcl"] }',
    ],
)
def test_an_ordinary_global_stays_one(define: Define, text: str) -> None:
    found = define(text, others={})
    assert found.extensions == ()
    assert list(found.sources) == ["0.hcl"]


def test_a_name_that_another_given_file_uses_stays_a_global(define: Define) -> None:
    found = define('include = ["y"]', 'target "t" { tags = include }', others={})
    assert tags(found) == ("y",)


def test_syntax_errors_are_found_in_all_files(define: Define) -> None:
    with pytest.raises(DefinitionError) as caught:
        define('include = ["a.hcl"]', others={"a.hcl": "x = = 1"})
    assert caught.value.span is not None
    assert caught.value.span.file == "a.hcl"
    assert "Included from 0.hcl:1:12." in caught.value.detail


def test_a_malformed_file_is_not_looked_into() -> None:
    file = BakeFile(name="0.hcl", content=b'include = ["a"]\n\xff', syntax=Syntax.NATIVE)
    assert includes.expanded([file], Refusing(), CONTEXT, parse_file).files == (file,)


def test_errors_say_where_their_file_is_included(define: Define) -> None:
    with pytest.raises(EvaluationError) as caught:
        define(
            'include = ["a.hcl"]\ny = nope3',
            others={"a.hcl": 'include = ["b.hcl"]\nx = nope1', "b.hcl": "z = nope2"},
        )
    details = {d.span.file: d.detail for d in caught.value.diagnostics() if d.span}
    assert details == {
        "a.hcl": "Included from 0.hcl:1:12.",
        "b.hcl": "Included from a.hcl:1:12, included from 0.hcl:1:12.",
        "0.hcl": "",
    }


def test_so_do_those_of_resolution(define: Define) -> None:
    found = define(
        'include = ["a.hcl"]', others={"a.hcl": 'target "default" { inherits = ["no"] }'}
    )
    for _ in range(2):
        with pytest.raises(UnknownTargetError) as caught:
            resolve(found)
        assert caught.value.detail.count("Included from 0.hcl:1:12.") == 1


def test_contexts_can_be_relative_to_the_included_file(define: Define) -> None:
    found = define(
        'include = ["sub/a.hcl"]',
        environ={"BUILDX_BAKE_FILE_RELATIVE_PATHS": "1"},
        others={"sub/a.hcl": 'target "t" { context = "x" }'},
    )
    assert found.targets["t"].get_text("context") == "sub/x"


def test_each_use_is_an_extension(define: Define) -> None:
    found = define('include = ["a.hcl"]', others={"a.hcl": 'include = ["b.hcl"]', "b.hcl": "x = 1"})
    assert [str(extension.span) for extension in found.extensions] == ["a.hcl:1:1", "0.hcl:1:1"]


def test_explaining_twice_says_it_once() -> None:
    source = Source("a.hcl", "x = 1")
    error = DefinitionError("e", span=source.span(0, 1))
    places = {"a.hcl": Source("b.hcl", "y").span(0, 1)}
    includes.explain(error, places)
    includes.explain(error, places)
    assert error.detail == "Included from b.hcl:1:1."

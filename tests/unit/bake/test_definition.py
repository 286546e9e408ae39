from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.resolve import resolve
from bakex.diagnostics import Diagnostic
from bakex.errors import (
    ConfigError,
    CycleError,
    DefinitionError,
    EvaluationError,
    SyntaxDefinitionError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.bake.conftest import Define

TARGET = 'target "default" { args = { v = jsonencode(V) } }\n'


def value(define: Define, text: str, **options: Mapping[str, str]) -> str:
    """Return the argument v of the target default, in JSON."""
    found = define(text + "\n" + TARGET, **options)  # type: ignore[arg-type]
    return found.targets["default"].get_mapping("args")["v"]


def test_variables_refer_to_one_another_in_any_order(define: Define) -> None:
    assert value(define, 'variable "V" { default = "${W}!" }\nvariable "W" { default = "w" }') == (
        '"w!"'
    )


@pytest.mark.parametrize(
    ("variables", "environ", "expected"),
    [
        ({}, {}, '"x"'),
        ({}, {"V": "e"}, '"e"'),
        ({"V": "y"}, {"V": "e"}, '"y"'),
        ({}, {"V": ""}, '""'),
        ({"Z": "y"}, {}, '"x"'),
        ({}, {"V": "e", "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "1"}, '"x"'),
        ({}, {"V": "e", "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "bad"}, '"e"'),
        ({"V": "y"}, {"BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "1"}, '"y"'),
    ],
)
def test_where_values_come_from(
    define: Define, variables: dict[str, str], environ: dict[str, str], expected: str
) -> None:
    text = 'variable "V" { default = "x" }'
    assert value(define, text, variables=variables, environ=environ) == expected


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("", '""'),
        ("default = null", "null"),
        ("type = string", "null"),
        ("type = null", '""'),
        ("type = number\ndefault = 5", "5"),
        ('type = list(string)\ndefault = ["a"]', '["a"]'),
        ("type = string\ndefault = 5", '"5"'),
    ],
)
def test_declarations(define: Define, declaration: str, expected: str) -> None:
    assert value(define, f'variable "V" {{\n{declaration}\n}}') == expected


def test_json_for_a_variable(define: Define) -> None:
    text = 'variable "V" {\ntype = list(number)\n}'
    assert value(define, text, environ={"V_JSON": "[1,2]"}) == "[1,2]"
    assert value(define, text, environ={"V_JSON": "[1,2]", "V": "3"}) == "[1,2]"


def test_a_variable_whose_name_ends_in_json_is_one_of_its_own(define: Define) -> None:
    text = 'variable "V" {}\nvariable "V_JSON" {}'
    assert value(define, text, environ={"V_JSON": "1"}) == '""'


def test_a_root_attribute_takes_over_the_default_and_the_type(define: Define) -> None:
    text = 'V = 5\nvariable "V" {\ntype = string\ndefault = "d"\n}'
    assert value(define, text) == "5"
    assert value(define, text, environ={"V": "6"}) == "6"


def test_a_root_attribute_alone_cannot_be_overridden(define: Define) -> None:
    assert value(define, "V = 5", environ={"V": "6"}, variables={"V": "7"}) == "5"


def test_built_in_names_cannot_be_taken(define: Define) -> None:
    text = (
        'variable "BAKE_LOCAL_PLATFORM" { default = "mine" }\n'
        'BAKE_CMD_CONTEXT = "mine"\nV = [BAKE_LOCAL_PLATFORM, BAKE_CMD_CONTEXT]'
    )
    environ = {"BAKE_LOCAL_PLATFORM": "env"}
    assert value(define, text, environ=environ) == '["linux/amd64","cwd://"]'


@pytest.mark.parametrize(
    "text",
    [
        'variable "A" { default = B }\nvariable "B" { default = A }',
        'variable "A" { default = A }',
        "A = B\nB = A",
        'function "f" {\nparams = []\nresult = f()\n}',
        'function "f" {\nparams = []\nresult = A\n}\nA = f()',
        'target "a" { tags = target.b.tags }\ntarget "b" { tags = target.a.tags }',
        'target "a" {\nname = "a-${v}"\nmatrix = { v = target.a.tags }\n}',
    ],
)
def test_circles(define: Define, text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define(text)
    assert caught.value.span is not None
    assert isinstance(caught.value, CycleError) or "target.a" in text


def test_a_circle_shows_where_it_closes_and_how_it_goes(define: Define) -> None:
    with pytest.raises(CycleError) as caught:
        define('variable "A" { default = B }\nvariable "B" { default = A }')
    assert caught.value.detail == "A -> B -> A."
    assert str(caught.value.span) == "0.hcl:2:26"


@pytest.mark.parametrize(
    "text",
    [
        "unused = NOPE",
        'variable "UNUSED" { default = NOPE }',
        'function "unused" {\nparams = []\nresult = NOPE\n}',
        'target "unused" { tags = NOPE }',
        'group "unused" { targets = NOPE }',
        'target "unused" { tags = 5 }',
    ],
)
def test_what_nobody_uses_is_evaluated_all_the_same(define: Define, text: str) -> None:
    with pytest.raises(EvaluationError):
        define(text)


def test_unknown_attributes_and_blocks_are_not_even_looked_at(define: Define) -> None:
    found = define('target "x" {\nnosuch = NOPE\nnoblock {}\n}\nfoo "bar" "baz" { a = NOPE }')
    assert found.targets["x"].values == {}


def test_later_files_win(define: Define) -> None:
    first = 'variable "A" { default = "1" }\nB = A\ntarget "t" { args = { a = A, b = B } }'
    found = define(first, 'variable "A" {}\nB = "2"\ntarget "t" { tags = ["x"] }')
    assert found.targets["t"].values == {"args": {"a": "", "b": "2"}, "tags": ("x",)}


def test_the_last_group_wins(define: Define) -> None:
    found = define('group "g" { targets = ["a"] }', 'group "g" { targets = ["b"] }')
    assert found.groups["g"].targets == ("b",)


def test_json_and_native_syntax_mix(define: Define) -> None:
    json = '{"variable":{"V":{"default":"j"}},"target":{"default":{"args":{"a":"${V}"}}}}'
    found = define(json, 'variable "V" { default = "h" }\ntarget "default" { args = { b = V } }')
    assert found.targets["default"].values["args"] == {"a": "h", "b": "h"}


def test_all_syntax_errors_of_all_files_at_once(define: Define) -> None:
    with pytest.raises(SyntaxDefinitionError) as caught:
        define("a = \nb = ]\n", "c = [")
    files = [finding.span.file for finding in caught.value.diagnostics() if finding.span]
    assert files[0] == "0.hcl"
    assert files[-1] == "1.hcl"
    assert len(files) >= 2
    assert all(isinstance(finding, Diagnostic) for finding in caught.value.more)


@pytest.mark.parametrize("text", ["1", "t", " true "])
def test_contexts_relative_to_their_file(define: Define, text: str) -> None:
    first = (
        'target "t" {\ncontext = "x"\ncontexts = { a = "../y", b = "cwd://z", c = "/abs", '
        'd = "target:q", e = "", f = "https://h/x", g = "oci-layout://l", h = "docker-image://i" '
        "}\n}\n"
        'target "q" {}\ntarget "r" { context = target.t.context }'
    )
    second = 'target "s" { context = target.t.context }\ntarget "u" { inherits = ["t"] }'
    environ = {"BUILDX_BAKE_FILE_RELATIVE_PATHS": text}
    found = define(first, second, environ=environ, names=("sub/a.hcl", "other/b.hcl"))
    contexts = {name: draft.get_text("context") for name, draft in found.targets.items()}
    assert contexts == {"t": "sub/x", "q": "", "r": "sub/x", "s": "sub/x", "u": ""}
    assert found.targets["t"].get_mapping("contexts") == {
        "a": "y",
        "b": "cwd://z",
        "c": "/abs",
        "d": "target:q",
        "e": "",
        "f": "https://h/x",
        "g": "oci-layout://l",
        "h": "docker-image://i",
    }
    resolution = resolve(found, ["q", "u"])
    assert resolution.targets["q"].context == "sub"
    assert resolution.targets["u"].context == "sub/x"


def test_contexts_of_standard_input_stay(define: Define) -> None:
    environ = {"BUILDX_BAKE_FILE_RELATIVE_PATHS": "1"}
    found = define('target "t" { context = "x" }', environ=environ, names=("-",))
    assert found.targets["t"].get_text("context") == "x"
    assert found.targets["t"].directory == ""


@pytest.mark.parametrize("text", ["", " 0 "])
def test_contexts_relative_to_the_working_directory(define: Define, text: str) -> None:
    environ = {"BUILDX_BAKE_FILE_RELATIVE_PATHS": text}
    found = define('target "t" { context = "x" }', environ=environ, names=("sub/a.hcl",))
    assert found.targets["t"].get_text("context") == "x"


def test_a_malformed_setting(define: Define) -> None:
    with pytest.raises(ConfigError, match="BUILDX_BAKE_FILE_RELATIVE_PATHS"):
        define("", environ={"BUILDX_BAKE_FILE_RELATIVE_PATHS": "x"})


def test_what_overrides_may_look_up(define: Define) -> None:
    environ = {"A": "1", "SOURCE_DATE_EPOCH": "5"}
    found = define("", environ=environ)
    assert found.lookup["A"] == "1"
    assert found.epoch == "5"
    hidden = {**environ, "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP": "true"}
    assert define("", environ=hidden).lookup == {}
    assert "A" not in repr(found) or "'A'" not in repr(found)


def test_a_long_chain_of_variables_is_an_error_and_no_crash(define: Define) -> None:
    links = [f'variable "V{i}" {{ default = V{i + 1} }}' for i in range(3000)]
    with pytest.raises(EvaluationError, match="too deeply"):
        define("\n".join([*links, 'variable "V3000" {}']))

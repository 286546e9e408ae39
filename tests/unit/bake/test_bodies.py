from __future__ import annotations

import pytest

from bakex.bake.bodies import MAX_BLOCKS, merged
from bakex.bake.values.problems import LimitError
from bakex.errors import DefinitionError, EvaluationError, SyntaxDefinitionError
from bakex.model.bakefile import BakeFile, Syntax


def file(text: str | bytes, name: str = "-", syntax: Syntax = Syntax.EITHER) -> BakeFile:
    content = text.encode() if isinstance(text, str) else text
    return BakeFile(name=name, content=content, syntax=syntax)


@pytest.mark.parametrize("text", ['target "a" {}', '{"target": {"a": {}}}', '\ufefftarget "a" {}'])
def test_without_a_telling_name_either_syntax_is_tried(text: str) -> None:
    assert list(merged([file(text)]).targets) == ["a"]


def test_the_native_errors_count_where_neither_fits() -> None:
    with pytest.raises(SyntaxDefinitionError) as caught:
        merged([file("foo bar baz")])
    assert caught.value.span is not None
    # As in the reference: the name tells what the text was read as.
    assert (caught.value.span.file, caught.value.span.line) == ("-.hcl", 1)


def test_compose_files_are_kept_apart_from_the_bodies() -> None:
    result = merged([file("services:\n  a:\n    build: .\n"), file('target "b" {}', "b.hcl")])
    assert [found.source.name for found in result.compose] == ["-"]
    assert list(result.targets) == ["b"]
    assert list(result.sources) == ["-", "b.hcl.hcl"]


def test_faults_of_several_files_are_told_together() -> None:
    files = [file("a: [", "0.yaml", Syntax.YAML), file("foo bar", "1.hcl", Syntax.NATIVE)]
    with pytest.raises(SyntaxDefinitionError) as caught:
        merged(files)
    found = [diagnostic.span for diagnostic in caught.value.diagnostics()]
    assert [span.file for span in found if span] == ["0.yaml", "1.hcl"]


@pytest.mark.parametrize("syntax", [Syntax.NATIVE, Syntax.JSON])
def test_the_name_decides_where_it_tells(syntax: Syntax) -> None:
    other = '{"target": {"a": {}}}' if syntax is Syntax.NATIVE else 'target "a" {}'
    with pytest.raises(SyntaxDefinitionError):
        merged([file(other, syntax=syntax)])


def test_text_that_is_no_utf_8() -> None:
    with pytest.raises(SyntaxDefinitionError, match="not UTF-8") as caught:
        merged([file(b"a = 1\nb = \xff\n", "f.hcl", Syntax.NATIVE)])
    assert str(caught.value.span) == "f.hcl:2:1"


@pytest.mark.parametrize("kind", ["target", "group", "variable", "function"])
@pytest.mark.parametrize("labels", ["", '"a" "b"'])
def test_blocks_have_one_label(kind: str, labels: str) -> None:
    with pytest.raises(EvaluationError):
        merged([file(f"{kind} {labels} {{}}")])


@pytest.mark.parametrize("kind", ["target", "group"])
def test_names_of_targets_and_groups(kind: str) -> None:
    with pytest.raises(EvaluationError, match=r"invalid name 'a\.b'"):
        merged([file(f'{kind} "a.b" {{}}')])


def test_names_of_variables_are_free() -> None:
    assert list(merged([file('variable "a.b" {}')]).variables) == ["a.b"]


def test_reserved_root_attributes_and_unknown_blocks_are_left_out() -> None:
    result = merged([file('target = 1\ngroup = 2\na = 3\nother "x" {}')])
    assert list(result.attributes) == ["a"]


def test_later_files_replace_but_targets_add_up() -> None:
    first = file('a = 1\nvariable "v" {}\ngroup "g" {}\ntarget "t" {}', "0.hcl", Syntax.NATIVE)
    second = file('a = 2\nvariable "v" {}\ngroup "g" {}\ntarget "t" {}', "1.hcl", Syntax.NATIVE)
    result = merged([first, second])
    assert result.attributes["a"].source.name == "1.hcl"
    assert result.variables["v"].source.name == "1.hcl"
    assert result.groups["g"].source.name == "1.hcl"
    assert [block.source.name for block in result.targets["t"]] == ["0.hcl", "1.hcl"]
    assert list(result.sources) == ["0.hcl", "1.hcl"]


def test_faults_are_definition_errors() -> None:
    with pytest.raises(DefinitionError):
        merged([file('{"target": {"a": 5}}', "f.json", Syntax.JSON)])


@pytest.mark.slow
def test_blocks_without_an_end() -> None:
    text = "target t {}\n" * (MAX_BLOCKS + 1)
    with pytest.raises(LimitError, match="more than 50000 blocks"):
        merged([file(text, "a.hcl", Syntax.NATIVE)])

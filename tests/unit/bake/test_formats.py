from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.bodies import SCHEMA
from bakex.bake.formats import Parsed, parsed
from bakex.errors import BakexError, SyntaxDefinitionError
from bakex.model.bakefile import BakeFile, Syntax

COMPOSE = "services:\n  a:\n    build: .\n"
BAKE = "target:\n  a: {}\n"


def parse(text: str | bytes, name: str = "-") -> Parsed:
    content = text.encode() if isinstance(text, str) else text
    return parsed(BakeFile(name=name, content=content, syntax=Syntax.of(name)), SCHEMA)


def kind(text: str, name: str = "-") -> str:
    found = parse(text, name)
    if found.compose is not None:
        assert not found.body.blocks
        return "compose"
    if found.problems:
        return "wrong"
    return "yaml" if found.extensions else "bake"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("-", COMPOSE, "compose"),
        ("x.foo", COMPOSE, "compose"),
        ("c.yaml", COMPOSE, "compose"),
        ("c.YML", COMPOSE, "compose"),
        ("c.yaml", f"\ufeff{COMPOSE}", "compose"),
        ("-", '{"services": {"a": {"build": "."}}}', "compose"),
        ("c.yaml", '{"services": {}}', "compose"),
        ("c.yaml", "include: [x.yml]\n", "compose"),
        ("c.yaml", "secrets: {s: {file: f}}\n", "compose"),
        ("-", "include: [x.yml]\n", "compose"),
        ("c.json", '{"services": {"a": {}}}', "bake"),
        ("c.hcl", COMPOSE, "wrong"),
        ("-", 'target "a" {}', "bake"),
        ("-", '{"target": {"a": {}}}', "bake"),
        ("x.HCL", "a = 1", "bake"),
        ("-", "# nothing\n", "bake"),
        ("-", BAKE, "yaml"),
        ("b.yaml", BAKE, "yaml"),
        ("b.yaml", '{"target": {"a": {}}}', "yaml"),
        ("b.yaml", "include: [x]\ntarget: {}\n", "wrong"),
        ("b.yaml", "include: [x]\ntarget: {a: {}}\n", "yaml"),
        ("b.yaml", "group: {g: {targets: []}}", "yaml"),
        ("b.yaml", "variable: {V: {}}", "yaml"),
        ("-", "foo bar baz", "wrong"),
        ("-", "{", "wrong"),
        ("-", '{"services": [}', "wrong"),
    ],
)
def test_what_files_are(name: str, text: str, expected: str) -> None:
    assert kind(text, name) == expected


@pytest.mark.parametrize(
    ("name", "text", "words", "place"),
    [
        ("c.yaml", "a: b\n", "'c.yaml' has neither services nor targets", "1:1"),
        ("c.yaml", "# c\n", "has neither services nor targets", "1:1"),
        ("c.yaml", "- a\n", "the file must be a mapping", "1:1"),
        ("c.yaml", f"{COMPOSE}---\n", "the file must be a mapping", "5:1"),
        ("c.yaml", 'target "a" {}', "the file must be a mapping", "1:1"),
        ("c.yaml", f"{COMPOSE}target: {{}}\n", "'services' of compose and 'target' of bake", "4:1"),
        ("c.yaml", f"{BAKE}secrets: {{}}\n", "'secrets' of compose and 'target' of bake", "1:1"),
        ("c.yaml", f"{COMPOSE}---\n{BAKE}", "are in one file", "5:1"),
        ("c.yaml", f"{BAKE}---\n{BAKE}", "a bake file is one document", "4:1"),
        ("c.yaml", "a: [", "no YAML", "1:5"),
        ("-", "services:\n  a: [\n", "no YAML", "3:1"),
        ("-", "foo:\n  a: b\n", "has neither services nor targets", "1:1"),
    ],
)
def test_files_that_are_nothing(name: str, text: str, words: str, place: str) -> None:
    with pytest.raises(SyntaxDefinitionError) as caught:
        parse(text, name)
    assert words in caught.value.summary
    assert str(caught.value.span) == f"{name}:{place}"
    assert caught.value.source == text


def test_the_native_faults_count_where_nothing_fits() -> None:
    (first, *_) = parse("foo bar baz").problems
    assert first.span is not None
    assert first.span.file == "-.hcl"


@pytest.mark.parametrize("name", ["-", "a.yaml", "a.hcl", "a.json"])
def test_text_that_is_no_utf_8(name: str) -> None:
    with pytest.raises(SyntaxDefinitionError, match="not UTF-8") as caught:
        parse(b"a: 1\nb: \xff\n", name)
    assert str(caught.value.span) == f"{name}:2:1"


@given(st.text(), st.sampled_from(["-", "a.yaml"]))
def test_nothing_but_our_errors_gets_out(text: str, name: str) -> None:
    with suppress(BakexError):
        parse(text, name)

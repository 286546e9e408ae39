from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


@pytest.mark.parametrize(
    ("text", "summary", "hint", "place"),
    [
        (
            'target "a" {\n  tag = ["x"]\n}',
            "unknown target attribute 'tag' is ignored",
            "did you mean 'tags'?",
            "0.hcl:2:3",
        ),
        ('target "a" {\n  x {}\n}', "unknown block in a target 'x' is ignored", "", "0.hcl:2:3"),
        (
            'group "g" {\n  targets = []\n  title = "x"\n}',
            "unknown group attribute 'title' is ignored",
            "",
            "0.hcl:3:3",
        ),
        (
            'variable "v" { defalt = 1 }',
            "unknown variable attribute 'defalt' is ignored",
            "did you mean 'default'?",
            "0.hcl:1:16",
        ),
        (
            'tagret "a" {}',
            "unknown block 'tagret' is ignored",
            "did you mean 'target'?",
            "0.hcl:1:1",
        ),
    ],
)
def test_what_is_said_in_vain(
    define: Define, text: str, summary: str, hint: str, place: str
) -> None:
    (found,) = define(text).warnings
    assert (found.summary, found.hint, str(found.span)) == (summary, hint, place)
    assert found.severity == "warning"
    assert found.source == text


def test_what_is_read_is_no_oddity(define: Define) -> None:
    text = (
        'target "b" {}\n'
        'target "a" {\nname = "a-${v}"\nmatrix = { v = [1] }\ninherits = ["b"]\n}\n'
        'variable "v" {\ntype = string\nvalidation {\ncondition = true\nerror_message = "x"\n}\n}\n'
        'group "g" { targets = [] }\nanything = 1'
    )
    assert define(text).warnings == ()


def test_comments_of_json_files_are_no_oddity(define: Define) -> None:
    assert define('{"target": {"a": {"//": "x"}}, "//": "y"}').warnings == ()

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bakex.bake import show
from bakex.bake.definition import Definition, load
from bakex.bake.extensions import strict
from bakex.bake.functions.function import Context
from bakex.bake.resolve import resolve
from bakex.errors import DefinitionError
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL = """\
x-common: &common
  dockerfile: ./D
  labels: {team: "${TEAM}"}

variable:
  TEAM: {default: core}
  LIST:
    type: list(string)
    default: [a, b]
    validation:
      - {condition: "${length(LIST) > 0}", error_message: empty}

function:
  twice: {params: [s], result: "${s}${s}"}

suffix: "${TEAM}!"

group:
  default: {targets: [app, lib]}

target:
  app:
    <<: *common
    inherits: [lib]
    tags: ["${twice(TEAM)}", "r/$${x}"]
    args: {N: 1.50, BIG: 123456789012345678901234567890, Q: yes, B: true, NONE: null, H: 0x10,
           D: 2024-01-01, F: 1e3, S: "${suffix}"}
    platforms: '${[for a in LIST : "linux/${a}md64" if a == "a"]}'
  lib:
    <<: *common
    matrix: {v: ["1", "2"]}
    name: lib-${v}
"""


def define(text: str, environ: Mapping[str, str] | None = None) -> Definition:
    return load(
        [BakeFile(name="b.yaml", content=text.encode(), syntax=Syntax.YAML)],
        variables={},
        environ=environ or {},
        platform="linux/amd64",
        context=Context(
            now=lambda: datetime(2024, 1, 2, tzinfo=UTC), random_bytes=bytes, home="/home/u"
        ),
    )


def test_everything_means_what_it_means_in_json() -> None:
    text = FULL.replace("    inherits: [lib]\n", "")
    definition = define(text, {"TEAM": "x"})
    found = json.loads(show.text(resolve(definition, ["app", "lib"])))
    assert found["target"]["app"] == {
        "context": ".",
        "dockerfile": "./D",
        "args": {
            "N": "1.5",
            "BIG": "123456789012345678901234567890",
            "Q": "yes",
            "B": "true",
            "H": "16",
            "D": "2024-01-01",
            "F": "1000",
            "S": "x!",
        },
        "labels": {"team": "x"},
        "tags": ["xx", "r/${x}"],
        "platforms": ["linux/amd64"],
    }
    assert found["group"]["lib"] == {"targets": ["lib-1", "lib-2"]}
    assert [variable.name for variable in definition.variables] == ["TEAM", "LIST"]


def test_a_file_in_yaml_and_the_same_in_json_give_the_same() -> None:
    document = {
        "variable": {"V": {"default": "v", "description": "d"}},
        "target": {"a": {"args": {"A": "${V}", "B": 5, "C": None}, "output": ["type=docker"]}},
        "group": {"default": {"targets": ["a"]}},
    }
    as_json = BakeFile(name="b.json", content=json.dumps(document).encode(), syntax=Syntax.JSON)
    both = [
        show.text(
            resolve(
                load(
                    [file],
                    variables={},
                    environ={},
                    platform="linux/amd64",
                    context=Context(
                        now=lambda: datetime(2024, 1, 2, tzinfo=UTC), random_bytes=bytes, home=""
                    ),
                )
            )
        )
        for file in (
            as_json,
            BakeFile(name="b.yaml", content=as_json.content, syntax=Syntax.YAML),
        )
    ]
    assert both[0] == both[1]


def test_the_form_is_an_extension() -> None:
    definition = define(FULL.replace("    inherits: [lib]\n", ""))
    (extension,) = definition.extensions
    assert (extension.what, str(extension.span)) == ("a bake file in YAML", "b.yaml:5:1")
    with pytest.raises(DefinitionError, match="a bake file in YAML is no part"):
        strict(definition)


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ('target:\n  a: {tags: ["${NOPE}"]}\n', "there is no variable", "2:17"),
        ("target:\n  a:\n    tags: {b: c}\n", "attribute 'tags'", "3:11"),
        ("target:\n  a: 5\n", 'a block "target" must be an object', "2:6"),
        ("target: x\n", "must be an object of blocks by name", "1:9"),
        ("target:\n  a.b: {}\n", "invalid name 'a.b'", "2:3"),
        ("group:\n  g: {}\n", "group 'g' has no targets", "2:6"),
        ("target: {}\n", "needs a name", "1:9"),
        ('target:\n  a:\n    tags: ["${"]\n', "", "3:15"),
    ],
)
def test_places_of_faults(text: str, words: str, place: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define(text)
    assert words in caught.value.summary
    assert str(caught.value.span).split("-")[0] == f"b.yaml:{place}"


def test_infinite_numbers_are_texts() -> None:
    definition = define("target: {a: {args: {A: .inf, B: -.5, C: +1.50, D: 1_0.5}}}")
    assert definition.targets["a"].values["args"] == {
        "A": ".inf",
        "B": "-0.5",
        "C": "1.5",
        "D": "10.5",
    }

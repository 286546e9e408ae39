from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.bake.listing import Listing, friendly, notation, text
from bakex.bake.values.valuetype import (
    ANY,
    NUMBER,
    STRING,
    ObjectType,
    TupleType,
    Type,
    list_of,
    map_of,
)
from bakex.errors import UsageError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define

VARIABLES = """
variable "A" {
  default = "x"
  description = "desc A"
}
variable "LONGNAME_VAR" {
  type = list(string)
  default = ["a"]
}
variable "N" { default = null }
variable "S" {
  type = string
  default = "q\\"<"
}
variable "ANY" {
  type = any
  default = [1]
}
"""
TARGETS = """
target "a" { description = "da" }
target "_hidden" {}
group "g" {
  targets = ["z", "a"]
  description = "dg"
}
group "h" { targets = ["b", "a"] }
group "e" { targets = [] }
"""


@pytest.mark.parametrize(
    ("given", "listing"),
    [
        ("targets", Listing(kind="targets")),
        ("variables", Listing(kind="variables")),
        ("type=targets,format=json", Listing(kind="targets", format="json")),
        ("type=targets, FORMAT=json", Listing(kind="targets", format="json")),
    ],
)
def test_parse(given: str, listing: Listing) -> None:
    assert Listing.parse(given) == listing


@pytest.mark.parametrize(
    "given",
    [
        "foo", "type=foo", "format=json", "type=targets,format=x", "type=targets,foo=x",
        "Type=targets", "targets,format=json", " targets", "", '"',
    ],
)  # fmt: skip
def test_what_is_no_listing(given: str) -> None:
    with pytest.raises(UsageError):
        Listing.parse(given)


def test_a_table_of_variables(define: Define) -> None:
    assert text(define(VARIABLES), Listing(kind="variables")) == (
        "VARIABLE\tTYPE\t\tVALUE\t\t\t\t\t\tDESCRIPTION\n"
        "A\t\t\t\tx\t\t\t\t\t\tdesc A\n"
        'ANY\t\tany type\t{"value":[1],"type":["tuple",["number"]]}\t\n'
        'LONGNAME_VAR\tlist of string\t["a"]\t\t\t\t\t\t\n'
        "N\t\t\t\t<null>\t\t\t\t\t\t\n"
        'S\t\tstring\t\tq\\"\\u003c\t\t\t\t\t\n'
    )


def test_variables_as_json(define: Define) -> None:
    shown = text(define(VARIABLES), Listing(kind="variables", format="json"))
    assert json.loads(shown)[0] == {"name": "A", "description": "desc A", "value": "x"}
    assert json.loads(shown)[3] == {"name": "N"}
    assert text(define(""), Listing(kind="variables", format="json")) == "[]\n"


def test_targets(define: Define) -> None:
    assert text(define(TARGETS), Listing(kind="targets")) == (
        "TARGET\tDESCRIPTION\na\tda\ne\t\ng\tdg (a, z)\nh\ta, b\n"
    )
    shown = text(define(TARGETS), Listing(kind="targets", format="json"))
    assert json.loads(shown) == [
        {"name": "a", "description": "da"},
        {"name": "e", "group": True},
        {"name": "g", "description": "dg (a, z)", "group": True},
        {"name": "h", "description": "a, b", "group": True},
    ]
    assert text(define(""), Listing(kind="targets", format="json")) == "null\n"


@pytest.mark.parametrize(
    ("type_", "words", "form"),
    [
        (STRING, "string", "string"),
        (ANY, "any type", "dynamic"),
        (list_of(map_of(NUMBER)), "list of map of number", ["list", ["map", "number"]]),
        (TupleType([STRING]), "tuple", ["tuple", ["string"]]),
        (ObjectType({"a": ANY}), "object", ["object", {"a": "dynamic"}]),
    ],
)
def test_types(type_: Type, words: str, form: object) -> None:
    assert friendly(type_) == words
    assert notation(type_) == form

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.merge import ATTRIBUTES
from bakex.errors import EvaluationError
from bakex.model.attestations import Attestation
from bakex.model.attributes import Shape
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def read(define: Define, name: str, text: str) -> object:
    attr = ATTRIBUTES[name]
    written = f"{attr.key} = {text}"
    if attr.block:
        written = f"{attr.block} {{ {written} }}"
    return define(f'target "a" {{\n{written}\n}}').targets["a"].values.get(name)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("context", "5", "5"),
        ("dockerfile", "true", "true"),
        ("description", '""', None),
        ("target", '""', ""),
        ("pull", '"1"', True),
        ("no-cache", "false", False),
        ("tags", '[1, true, "x", ""]', ("1", "true", "x", "")),
        ("tags", "[]", ()),
        ("args", '{ a = "b", c = 1, d = true, e = null, f = "" }',
         {"a": "b", "c": "1", "d": "true", "f": ""}),
        ("cache-from", '["a,b", "", { type = "local", mode = 1 }]', (
            CacheEntry(type="registry", attrs={"ref": "a"}),
            CacheEntry(type="registry", attrs={"ref": "b"}),
            CacheEntry(type="local", attrs={"mode": "1"}),
        )),
        ("output", '[{ type = "image", push = true }]',
         (Output(type="image", attrs={"push": "true"}),)),
        ("secret", '[{ id = "a", env = "V" }]', (Secret(id="a", env="V"),)),
        ("ssh", '[{ id = "a", paths = ["k"] }]', (Ssh(id="a", paths=("k",)),)),
        ("attest", '[{ mode = "max" }]', (Attestation(type="", attrs={"mode": "max"}),)),
        ("output", 'convert(["type=image"], set(string))', (Output(type="image"),)),
        ("resources", '{ memory = 5, cpu-shares = "7", foo = 1, memory-swap = null }',
         {"memory": "5", "cpu-shares": "7"}),
        ("resources", "{}", {}),
    ],
)  # fmt: skip
def test_values(define: Define, name: str, text: str, expected: object) -> None:
    assert read(define, name, text) == expected


@pytest.mark.parametrize("name", [n for n, attr in ATTRIBUTES.items() if attr.nullable])
def test_null_is_unset(define: Define, name: str) -> None:
    assert read(define, name, "null") is None


@pytest.mark.parametrize("name", [n for n, attr in ATTRIBUTES.items() if not attr.nullable])
def test_null_is_an_error(define: Define, name: str) -> None:
    with pytest.raises(EvaluationError, match="null is not allowed"):
        read(define, name, "null")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((n, "[null]") for n, a in ATTRIBUTES.items() if a.shape is Shape.STRINGS),
        *((n, "[null]") for n, a in ATTRIBUTES.items() if a.shape is Shape.COMPOSITES),
        *((n, '["x"]') for n, a in ATTRIBUTES.items() if a.shape is Shape.STRING),
        *((n, '"x"') for n, a in ATTRIBUTES.items() if a.shape is not Shape.STRING),
        *((n, "[5]") for n, a in ATTRIBUTES.items() if a.shape is Shape.COMPOSITES),
        ("contexts", "{ a = null }"),
        ("labels", '{ a = ["x"] }'),
        ("labels", '["a"]'),
        ("platforms", '{ a = "b" }'),
        ("pull", "1"),
        ("pull", '"yes"'),
        ("cache-from", '["ref=x"]'),
        ("cache-from", '[{ ref = "x" }]'),
        ("cache-from", '[{ type = ["x"] }]'),
        ("cache-from", "[{ type = null }]"),
        ("secret", '["foo=bar"]'),
        ("ssh", '[{ paths = "x" }]'),
        ("resources", "{ cpu-shares = 1.5 }"),
        ("resources", '{ cpu-shares = "x" }'),
        ("resources", "{ memory = [] }"),
        ("resources", '["memory=1"]'),
    ],
)
def test_faults_have_a_place_and_name_the_attribute(define: Define, name: str, text: str) -> None:
    with pytest.raises(Exception, match=f"attribute '{ATTRIBUTES[name].key}'") as caught:
        read(define, name, text)
    assert str(getattr(caught.value, "span", None)).startswith("0.hcl:2:")

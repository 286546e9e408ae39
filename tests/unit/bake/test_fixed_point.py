"""What ``--print`` prints is itself a bake file, and means what it was printed from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bakex.bake import show
from bakex.bake.definition import load
from bakex.bake.functions.function import Context
from bakex.bake.merge import ATTRIBUTES
from bakex.bake.resolve import resolve
from bakex.errors import BakexError
from bakex.model.attributes import Attr, Shape
from bakex.model.bakefile import BakeFile, Syntax

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).parents[2] / "conformance" / "bake-cases.jsonl"


def printed(text: str, *names: str) -> str:
    file = BakeFile(name="p.json", content=text.encode(), syntax=Syntax.JSON)
    context = Context(now=lambda: datetime.now(UTC), random_bytes=bytes, home="/")
    definition = load([file], variables={}, environ={}, platform="linux/amd64", context=context)
    return show.text(resolve(definition, names))


def recorded() -> list[Any]:
    """Return the documents that the reference printed, by the id of their case."""
    cases = map(json.loads, RECORDED.read_text(encoding="utf-8").splitlines())
    return [
        pytest.param(case["stdout"], id=str(case["id"]))
        for case in cases
        if "--print" in case["args"] and case.get("stdout", "").startswith("{")
    ]


@pytest.mark.parametrize("document", recorded())
def test_what_the_reference_printed(document: str) -> None:
    if "${" in json.dumps(json.loads(document)).replace("$${", ""):
        pytest.skip("the reference leaves a template marker unescaped")
    assert printed(document) == document


# Texts that mean something to the language, to CSV, to JSON or to Go's JSON.
_ANY = st.text(alphabet='a$%{}"\\ =,:/.\n<&\u2028é~', max_size=8)
_PLAIN = st.text(alphabet='a$"\\ =,:/.\n<&\u2028é~', max_size=8)
_WORD = st.text(alphabet="abz", min_size=1, max_size=3)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "annotations": st.lists(st.builds("{}={}".format, _WORD, _ANY), max_size=3),
    "call": st.sampled_from(["check", "outline", "lint,format=json"]),
    "context": st.sampled_from([".", "", "a/../b", "/x//y", "https://h/r.git#main:d", "cwd://c"]),
    "contexts": st.dictionaries(
        _WORD, st.sampled_from(["", "./q", "target:two", "docker-image://x"])
    ),
    "description": _PLAIN,
    "dockerfile": st.sampled_from(["", "D", "a//D", "cwd://D"]),
    "output": st.lists(
        st.sampled_from(
            [
                "out",
                "-",
                "type=image,push=true",
                {"type": "oci", "dest": "x.tar"},
                {"type": "docker"},
                {"type": "image", "name": "a,b"},
            ]
        ),
        max_size=3,
        unique_by=str,
    ),
    "platforms": st.lists(st.sampled_from(["linux/amd64", "linux/arm/v7,linux/386", "local"])),
    "resources": st.fixed_dictionaries(
        {},
        optional={"memory": st.just("1g"), "cpu-quota": st.integers(-5, 5), "cpuset-cpus": _PLAIN},
    ),
    "shm-size": st.sampled_from(["64m", "1.5 GB"]),
    "ulimits": st.lists(st.sampled_from(["nofile=1", "nofile=1:2", "core=-1"])),
    "attest": st.lists(
        st.fixed_dictionaries(
            {"type": _WORD}, optional={"disabled": st.booleans(), "mode": _PLAIN}
        ),
        max_size=3,
    ),
    "cache-from": st.lists(st.fixed_dictionaries({"type": _WORD}, optional={"ref": _PLAIN})),
    "cache-to": st.lists(st.fixed_dictionaries({"type": _WORD}, optional={"ref": _PLAIN})),
    "secret": st.lists(
        st.fixed_dictionaries({"id": _WORD}, optional={"src": _PLAIN, "env": _PLAIN}), max_size=3
    ),
    "ssh": st.lists(
        st.fixed_dictionaries({"id": _WORD}, optional={"paths": st.lists(_WORD)}), max_size=3
    ),
    "policy": st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "filename": _WORD,
                "reset": st.booleans(),
                "strict": st.booleans(),
                "log-level": st.sampled_from(["warn", "debug"]),
            },
        ),
        max_size=2,
    ),
}


def escaped(text: str) -> str:
    return text.replace("${", "$${").replace("%{", "%%{")


def values(attr: Attr) -> st.SearchStrategy[Any]:
    found = _VALUES.get(attr.name)
    if found is not None:
        return found
    text = _ANY.map(escaped) if attr.escaped else _PLAIN
    if attr.shape is Shape.BOOLEAN:
        return st.booleans()
    if attr.shape is Shape.MAPPING:
        return st.dictionaries(_WORD, text | st.none(), max_size=3)
    return text if attr.shape is Shape.STRING else st.lists(text, max_size=3)


TARGETS = st.fixed_dictionaries({}, optional={name: values(a) for name, a in ATTRIBUTES.items()})
FILES = st.fixed_dictionaries(
    {
        "target": st.fixed_dictionaries({"one": TARGETS, "two": TARGETS, "three": TARGETS}),
        "group": st.fixed_dictionaries(
            {"default": st.just({"targets": ["some", "three"], "description": "d<"})},
            optional={"some": st.just({"targets": ["two", "one"]})},
        ),
    }
)


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None)
@given(FILES, st.sampled_from([(), ("one",), ("t*", "some"), ("default", "one")]))
def test_whatever_is_printed(file: Any, names: tuple[str, ...]) -> None:
    for parents, target in zip((["two"], [], ["one", "two"]), file["target"].values(), strict=True):
        target["inherits"] = parents
    file["target"]["two"].get("contexts", {}).clear()  # a target cannot link to itself
    try:
        first = printed(json.dumps(file), *names)
    except BakexError:
        assume(False)
        raise
    assert printed(first) == first

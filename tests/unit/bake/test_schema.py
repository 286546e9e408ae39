from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bakex.bake.merge import ATTRIBUTES
from bakex.bake.schema import document, text
from bakex.model.verification import Mode

RECORDED = Path(__file__).parents[2] / "conformance" / "bake-cases.jsonl"
VALIDATOR = Draft202012Validator(document())
# It has an attribute and a block that nothing reads, which the language ignores.
IN_VAIN = {"1288"}


def findings(bake_file: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(bake_file)]


def accepted() -> list[Any]:
    """Return the JSON bake files that the reference takes, by the id of their case."""
    found: list[Any] = []
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        for name, content in case.get("files", {}).items():
            if "stdout" in case and name.endswith(".json") and isinstance(content, str) and content:
                found.append(pytest.param(str(case["id"]), content, id=f"{case['id']}-{name}"))
    return found


def printed() -> list[Any]:
    lines = RECORDED.read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    return [
        pytest.param(case["stdout"], id=str(case["id"]))
        for case in cases
        if "stdout" in case and "--print" in case["args"]
    ]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(document())
    assert json.loads(text()) == document()
    assert text().endswith("}\n")


@pytest.mark.parametrize(("case", "content"), accepted())
def test_what_the_reference_takes_is_valid(case: str, content: str) -> None:
    assert bool(findings(json.loads(content))) is (case in IN_VAIN)


def test_what_is_printed_is_valid() -> None:
    for parameter in printed():
        (stdout,) = parameter.values
        assert findings(json.loads(str(stdout))) == [], parameter.id


@pytest.mark.parametrize(
    "bake_file",
    [
        {},
        {"target": {"app": {}}, "NAME": ["any", {"value": 1}], "//": "a comment"},
        {"target": [{"app": {"tags": ["a"]}}, {"app": [{"pull": True}, {"pull": "${V}"}]}]},
        {"target": {"app": {"args": {"A": None, "B": 1, "C": True, "${K}": "x"}, "tags": None}}},
        {"target": {"app": {"tags": "${TAGS}", "output": "${OUT}", "resources": "${LIMITS}"}}},
        {"target": {"app": {"output": ["a", {"type": "image", "push": True, "name": "x"}]}}},
        {"target": {"app": {"secret": [{"id": "a", "env": "B"}], "ssh": [{"paths": ["k"]}]}}},
        {"target": {"app": {"resources": {"memory": "1g", "cpu-quota": "5", "cpu-period": 7}}}},
        {"target": {"app": {"policy": [{"filename": "p.rego", "log-level": "info"}]}}},
        {"target": {"app": {"name": "a-${v}", "matrix": {"v": [1, {"k": 2}], "w": "${L}"}}}},
        {"target": {"app": {"platform": {"linux/arm64": {"args": {"A": "1"}}}}}},
        {"group": {"g": {"targets": ["a"], "description": "d", "platforms": ["linux/arm64"]}}},
        {"group": {"g": {"targets": None}}},
        {"variable": {"V": {"type": "list(string)", "default": ["a"], "description": "d"}}},
        {"variable": {"V": {"validation": [{"condition": "${V > 1}", "error_message": "no"}]}}},
        {"function": {"f": {"params": ["a"], "variadic_params": "r", "result": "${a}"}}},
        {"include": ["common/*.json"]},
    ],
)
def test_valid(bake_file: object) -> None:
    assert findings(bake_file) == []


@pytest.mark.parametrize(
    ("bake_file", "message"),
    [
        ([], "is not of type 'object'"),
        ({"target": {}}, "should be non-empty"),
        ({"target": {"a b": {}}}, "does not match"),
        ({"target": {"app": {"tag": ["a"]}}}, "'tag' was unexpected"),
        ({"target": {"app": {"tags": "a"}}}, "does not match"),
        ({"target": {"app": {"tags": [["a"]]}}}, "is not of type"),
        ({"target": {"app": {"pull": "yes"}}}, "does not match"),
        ({"target": {"app": {"description": None}}}, "None is not of type"),
        ({"target": {"app": {"contexts": {"a": None}}}}, "None is not of type"),
        ({"target": {"app": {"args": ["A=1"]}}}, "is not of type"),
        ({"target": {"app": {"cache-to": [{"ref": "x"}]}}}, "'type' is a required property"),
        ({"target": {"app": {"secret": [{"id": "a", "file": "x"}]}}}, "'file' was unexpected"),
        ({"target": {"app": {"policy": [{"log-level": "loud"}]}}}, "does not match"),
        ({"target": {"app": {"resources": {"cpu-quota": "fast"}}}}, "does not match"),
        ({"target": {"app": {"resources": {"memories": "1g"}}}}, "'memories' was unexpected"),
        ({"target": {"app": {"verify": "some"}}}, "does not match"),
        ({"target": {"app": {"name": "x"}}}, "'matrix' is a dependency of 'name'"),
        ({"target": {"app": {"matrix": {"v": "x"}}}}, "does not match"),
        ({"target": {"app": {"platform": {"linux/arm64": {"tags": []}}}}}, "'tags' was unexpected"),
        ({"group": {"g": {}}}, "'targets' is a required property"),
        ({"variable": {"V": {"defualt": 1}}}, "'defualt' was unexpected"),
        ({"variable": {"V": {"validation": {}}}}, "'condition' is a required property"),
        ({"function": {"f": {"params": ["a b"], "result": 1}}}, "does not match"),
        ({"function": {"f": {"params": []}}}, "'result' is a required property"),
    ],
)
def test_mistakes(bake_file: object, message: str) -> None:
    assert any(message in found for found in findings(bake_file))


def test_every_attribute_has_a_description() -> None:
    definitions: Any = document()["$defs"]
    for name, attr in ATTRIBUTES.items():
        assert definitions[f"attribute-{name}"]["description"] == attr.doc


def test_the_modes_of_verification_are_listed() -> None:
    found: Any = document()["$defs"]
    assert found["attribute-verify"]["examples"] == [str(mode) for mode in Mode]
    for mode in (*Mode, "${MODE}"):
        assert findings({"target": {"app": {"verify": str(mode)}}}) == []


def test_extensions_are_marked() -> None:
    schema: Any = document()
    platform = schema["$defs"]["target"]["properties"]["platform"]
    limited = schema["$defs"]["group"]["properties"]["platforms"]
    for extension in (schema["properties"]["include"], platform, limited):
        assert extension["x-bakex-extension"] is True
        assert "An extension of bakex" in extension["description"]

"""Expressions whose value a reference implementation was asked for, one by one.

`hcl-probes.jsonl` holds its answers. Each expression is wrapped in ``jsonencode(…)`` inside a
target, as it was there. Where the reference fails, this must fail too, on the same line of the
file; the words are not compared. Deliberate differences are listed in DEVIATIONS.md.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bakex.bake.definition import load
from bakex.bake.functions.function import Context, Function
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.faults import syntax_error
from bakex.bake.hcl.parser import parse
from bakex.bake.hcl.source import Source
from bakex.errors import DefinitionError
from bakex.model.bakefile import BakeFile, Syntax

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bakex.bake.hcl.syntax import Attribute, Traversal
    from bakex.bake.values.value import Value

pytestmark = pytest.mark.conformance

HERE = Path(__file__).parent
WRAP = 'target "t" {\n  args = {\n    X = jsonencode(\n%s\n    )\n  }\n}\n'


def deviations() -> dict[str, str]:
    lines = (HERE / "DEVIATIONS.md").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("  # ") for line in lines if "  # " in line]
    return {name.strip(): reason.strip() for name, _, reason in pairs}


def probes() -> list[dict[str, Any]]:
    lines = (HERE / "hcl-probes.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def context() -> Context:
    return Context(
        now=lambda: datetime(2024, 3, 5, 7, 8, 9, tzinfo=UTC),
        random_bytes=lambda count: bytes(range(count)),
        home="/home/user",
    )


class Attributes:
    """A scope of root attributes, evaluated when they are needed."""

    def __init__(self, attributes: dict[str, Attribute]) -> None:
        self.attributes = attributes
        self.context = context()

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        attribute = self.attributes.get(traversal.name)
        return None if attribute is None else (evaluate(attribute.expr, self), 0)

    def function(self, name: str) -> Function | None:
        return None

    def names(self) -> Iterable[str]:
        return self.attributes

    def function_names(self) -> Iterable[str]:
        return ()


def file_of(probe: dict[str, Any]) -> str:
    head = probe.get("vars", "")
    newline = "\n" if head and not head.endswith("\n") else ""
    return f"{head}{newline}{WRAP % probe['expr']}"


def run_alone(text: str) -> str:
    """Return the value by this package's parser and evaluator only."""
    body, found = parse(Source("p.hcl", text))
    if found:
        raise syntax_error(found)
    target = next(block for block in body.blocks if block.type == "target")
    value = evaluate(target.body.attributes["args"].expr, Attributes(body.attributes))
    return str(value.mapping["X"].text)


def run_loaded(text: str, environ: dict[str, str]) -> str:
    """Return the value as the definition of the target has it."""
    file = BakeFile(name="p.hcl", content=text.encode(), syntax=Syntax.NATIVE)
    definition = load(
        [file], variables={}, environ=environ, platform="linux/amd64", context=context()
    )
    args = definition.targets["t"].values["args"]
    assert isinstance(args, dict)
    return str(args["X"])


def answer(probe: dict[str, Any]) -> str:
    text = file_of(probe)
    blocks = 'variable "' in text or 'function "' in text
    if blocks or probe.get("env") or probe["id"].startswith("var."):
        return run_loaded(text, probe.get("env", {}))
    return run_alone(text)


@pytest.mark.parametrize("probe", probes(), ids=lambda probe: str(probe["id"]))
def test_probe(probe: dict[str, Any]) -> None:
    if probe["id"] in deviations():
        with pytest.raises((AssertionError, DefinitionError, pytest.fail.Exception)):
            check(probe)
    else:
        check(probe)


def check(probe: dict[str, Any]) -> None:
    if "expect_error" not in probe:
        assert answer(probe) == probe["expect_text"]
        return
    with pytest.raises(DefinitionError) as caught:
        answer(probe)
    assert caught.value.span is not None
    if "error_range" in probe:
        lines = {found.span.line for found in caught.value.diagnostics() if found.span}
        assert probe["error_range"][0] in lines

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.findings import MAX_FINDINGS, Findings
from bakex.bake.resolve import resolve
from bakex.bake.values.problems import LimitError
from bakex.errors import CycleError, DefinitionError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def places(define: Define, *texts: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        define(*texts)
    return [str(found.span) for found in caught.value.diagnostics()]


def test_faults_of_all_blocks_are_found(define: Define) -> None:
    text = """variable "V" { default = nope1 }
variable "W" {
  default = 1
  validation { condition = W == 2 }
}
function "f" {
  params = [a]
  result = nope2
}
target "t" {
  tags = "x"
  context = nope3
  args = { a = "fine" }
}
target "u" {
  matrix = { x = 5 }
}
group "g" { targets = nope4 }
x = nope5"""
    assert places(define, text) == [
        "0.hcl:1:26", "0.hcl:4:28", "0.hcl:8:12", "0.hcl:11:10", "0.hcl:12:13", "0.hcl:15:8",
        "0.hcl:18:23", "0.hcl:19:5",
    ]  # fmt: skip


def test_faults_of_all_files_are_found(define: Define) -> None:
    assert places(define, "x = nope", "y = nope") == ["0.hcl:1:5", "1.hcl:1:5"]


@pytest.mark.parametrize(
    "dependent",
    [
        'variable "W" { default = V }',
        'variable "V2" { default = "${V}x" }',
        'target "t" { tags = [V] }',
        'target "t" { args = { a = "${try(V, upper(V))}" } }',
        'target "t" {\n name = V\n matrix = {}\n}',
        'target "t" {\n name = V\n matrix = {}\n}\ntarget "u" { tags = target.t.tags }',
        'target "t" { tags = [V] }\ntarget "u" { tags = target.t.tags }',
        'function "f" {\n params = []\n result = V\n}\nx = f()',
        'group "g" { targets = [V] }\nx = group.g.targets',
        'x = [for v in ["a"] : V]',
        'variable "X" {\n  validation {\n    condition = V == ""\n  }\n}',
    ],
)
def test_what_follows_from_a_fault_is_not_reported(define: Define, dependent: str) -> None:
    assert places(define, f'variable "V" {{ default = nope }}\n{dependent}') == ["0.hcl:1:26"]


def test_a_circle_is_reported_once(define: Define) -> None:
    variables = (f'variable "{a}" {{ default = {b} }}' for a, b in ("AB", "BC", "CA"))
    assert len(places(define, "\n".join((*variables, "x = C", "y = B")))) == 1


def test_two_circles_are_two_faults(define: Define) -> None:
    assert len(places(define, "a = b\nb = a\nc = d\nd = c")) == 2


def test_what_a_circle_leaves_over_still_has_a_value(define: Define) -> None:
    found = define('a = try(b, "1")\nb = "${a}2"\ntarget "t" { tags = [a, b] }')
    assert found.targets["t"].get_texts("tags") == ("1", "12")


def test_a_limit_ends_the_search() -> None:
    def fail() -> None:
        raise DefinitionError("first")

    findings = Findings()
    with findings.gathering():
        fail()
    with pytest.raises(DefinitionError, match="first") as caught, findings.gathering():
        raise LimitError("too much")
    assert [found.summary for found in caught.value.diagnostics()] == ["first", "too much"]


def test_not_more_than_somebody_reads() -> None:
    findings = Findings()
    assert not findings
    for number in range(MAX_FINDINGS + 5):
        findings.add(DefinitionError(str(number)))
    assert findings
    with pytest.raises(DefinitionError) as caught:
        findings.settle()
    assert len(caught.value.diagnostics()) == MAX_FINDINGS
    findings.settle()


def test_causes_without_a_summary_do_not_count() -> None:
    findings = Findings()
    error = DefinitionError("x")
    error.__cause__ = ValueError("y")
    findings.add(error)
    cycle = CycleError("without members")
    findings.add(cycle)
    with pytest.raises(DefinitionError) as caught:
        findings.settle()
    assert len(caught.value.diagnostics()) == 2


def test_faults_of_all_selected_targets_are_found(define: Define) -> None:
    found = define(
        'target "a" { context = "-" }\ntarget "b" { inherits = ["nope"] }\n'
        'target "c" { inherits = ["b"] }\ntarget "d" { platforms = ["zz"] }'
    )
    with pytest.raises(DefinitionError) as caught:
        resolve(found, ["a", "b", "c", "d"])
    assert [d.summary.split(":")[0] for d in caught.value.diagnostics()] == [
        "target 'a'", "target 'b'", "target 'd'"
    ]  # fmt: skip


def test_a_limit_inside_of_several_gatherings() -> None:
    findings = Findings()
    with (
        pytest.raises(LimitError, match="too much"),
        findings.gathering(),
        findings.gathering(),
        findings.gathering(),
    ):
        raise LimitError("too much")

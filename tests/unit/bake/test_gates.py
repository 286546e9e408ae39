"""Gates become targets: named, expanded, and built for the right platforms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bakex.bake import show
from bakex.bake.resolve import resolve
from bakex.errors import CycleError, DefinitionError, UnknownTargetError

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define

APP = """
target "app" {
  platforms = ["linux/amd64", "linux/arm64"]
  output = ["type=registry"]
  publish { requires = ["app-test"] }
}
"""
TEST = """
target "app-test" {
  contexts = { app = "target:app" }
  output = ["type=local,dest=report"]
}
"""


def test_a_gate_is_added_without_outputs_and_for_the_platforms_of_its_target(
    define: Define,
) -> None:
    found = resolve(define(APP + TEST), ["app"])
    assert found.requested == ("app",)
    assert list(found.targets) == ["app", "app-test"]
    gate = found.targets["app-test"]
    assert gate.platforms == ("linux/amd64", "linux/arm64")
    assert [output.type for output in gate.output] == ["cacheonly"]


@pytest.mark.parametrize("names", [["app", "app-test"], ["app-test", "app"]])
def test_a_gate_that_was_asked_for_keeps_its_outputs(define: Define, names: list[str]) -> None:
    gate = resolve(define(APP + TEST), names).targets["app-test"]
    assert [output.type for output in gate.output] == ["local"]
    assert gate.platforms == ("linux/amd64", "linux/arm64")


def test_a_gate_is_built_for_no_more_platforms_than_its_target(define: Define) -> None:
    wide = 'target "app-test" { platforms = ["linux/riscv64", "linux/arm64", "linux/amd64"] }'
    found = resolve(define(APP, TEST, wide), ["app"])
    assert found.targets["app-test"].platforms == ("linux/arm64", "linux/amd64")
    apart = resolve(define(APP, wide), ["app", "app-test"])
    assert len(apart.targets["app-test"].platforms) == 3


def test_a_gate_serves_several_targets(define: Define) -> None:
    text = """
      target "a" {
        platforms = ["linux/amd64"]
        publish { requires = ["t"] }
      }
      target "b" {
        platforms = ["arm64", "linux/amd64"]
        publish { requires = ["t"] }
      }
      target "t" {}
    """
    found = resolve(define(text), ["a", "b"])
    assert found.targets["t"].platforms == ("linux/amd64", "arm64")


def test_a_gate_that_others_link_to_is_built_for_them_too(define: Define) -> None:
    text = """
      target "a" {
        platforms = ["linux/amd64"]
        publish { requires = ["t"] }
      }
      target "b" {
        platforms = ["linux/amd64", "linux/arm64"]
        contexts = { t = "target:t" }
      }
      target "t" { platforms = ["linux/amd64", "linux/arm64"] }
    """
    assert len(resolve(define(text), ["a", "b"]).targets["t"].platforms) == 2
    assert len(resolve(define(text), ["a"]).targets["t"].platforms) == 1


@pytest.mark.parametrize(
    ("platforms", "option"),
    [('["linux/amd64"]', []), ('["linux/arm64"]', ["app-test.platform=linux/amd64"])],
)
def test_a_platform_that_a_gate_lacks(define: Define, platforms: str, option: list[str]) -> None:
    gate = f'target "app-test" {{ platforms = {platforms} }}'
    with pytest.raises(DefinitionError) as caught:
        resolve(define(APP, gate), ["app"], option)
    assert caught.value.summary == (
        "target 'app' is built for linux/arm64, and its gate 'app-test' is not"
    )
    assert caught.value.detail == "app-test is built for linux/amd64."
    assert str(caught.value.span) == "0.hcl:5:24"


@pytest.mark.parametrize(
    ("app", "gate"),
    [
        ("", ' platforms = ["linux/amd64", "linux/arm64"] '),
        (' platforms = ["local"] ', ' platforms = ["linux/amd64"] '),
        (' platforms = ["linux/amd64", "linux/arm64"] ', ' platforms = ["local"] '),
    ],
)
def test_what_only_the_node_tells_is_left_to_the_planner(
    define: Define, app: str, gate: str
) -> None:
    text = f'target "a" {{\n{app}\npublish {{ requires = ["t"] }}\n}}\ntarget "t" {{{gate}}}'
    definition = define(text)
    found = resolve(definition, ["a"])
    assert found.targets["t"].platforms == resolve(definition, ["t"]).targets["t"].platforms


def test_groups_matrices_patterns_and_gates_of_gates(define: Define) -> None:
    text = """
      variable "SUITE" { default = "fast" }
      target "app" {
        publish { requires = ["tests", "${self.name}-${SUITE}"] }
      }
      group "tests" { targets = ["unit", "lint"] }
      target "unit" {
        name = "unit-${v}"
        matrix = { v = ["1", "2"] }
        publish { requires = ["compiles"] }
      }
      target "lint" {}
      target "app-fast" {}
      target "compiles" {}
    """
    found = resolve(define(text), ["app"])
    gates = ("unit-1", "unit-2", "lint", "app-fast", "compiles")
    assert found.targets["app"].publish_requires == gates
    assert list(found.targets) == ["app", *gates]
    # What is not published itself has no gates.
    assert found.targets["unit-1"].publish_requires == ()


def test_a_group_for_some_platforms_is_a_gate_for_these_only(define: Define) -> None:
    text = """
      group "arm" {
        targets = ["t"]
        platforms = ["linux/arm64"]
      }
      target "t" {}
      target "a" {
        platforms = ["linux/arm64"]
        publish { requires = ["arm"] }
      }
    """
    assert resolve(define(text), ["a"]).targets["t"].platforms == ("linux/arm64",)
    with pytest.raises(DefinitionError, match="built for linux/amd64, and its gate 't' is not"):
        resolve(define(text), ["a"], ["a.platform+=linux/amd64"])


def test_groups_limit_only_those_who_name_them(define: Define) -> None:
    text = """
      group "arm" {
        targets = ["t"]
        platforms = ["linux/arm64"]
      }
      target "t" { platforms = ["linux/amd64", "linux/arm64"] }
      target "a" {
        platforms = ["linux/arm64"]
        publish { requires = ["arm"] }
      }
      target "b" {
        platforms = ["linux/amd64"]
        publish { requires = ["t"] }
      }
    """
    found = resolve(define(text), ["a", "b"])
    assert found.targets["t"].platforms == ("linux/amd64", "linux/arm64")


def test_a_gate_and_what_it_links_to_are_narrowed_with_the_group(define: Define) -> None:
    text = """
      group "arm" {
        targets = ["app"]
        platforms = ["linux/arm64"]
      }
      target "tools" { platforms = ["linux/amd64", "linux/arm64"] }
      target "app-test" { contexts = { tools = "target:tools" } }
    """
    found = resolve(define(APP, TEST, text), ["arm"])
    platforms = {name: target.platforms for name, target in found.targets.items()}
    assert platforms == dict.fromkeys(("app", "app-test", "tools"), ("linux/arm64",))


def test_gates_of_what_is_only_linked_to_do_not_count(define: Define) -> None:
    text = """
      target "user" {
        platforms = ["linux/amd64", "linux/arm64"]
        contexts = { app = "target:app" }
      }
    """
    found = resolve(define(APP, TEST, text), ["user"])
    assert list(found.targets) == ["user", "app"]
    assert found.targets["app"].publish_requires == ()


@pytest.mark.parametrize(
    ("requires", "more", "chain"),
    [
        ("app", "", "app -> app."),
        ("t", 'publish { requires = ["app"] }', "app -> t -> app."),
        ("g", "", "app -> app."),
    ],
)
def test_circles(define: Define, requires: str, more: str, chain: str) -> None:
    text = f"""
      target "app" {{
        publish {{ requires = ["{requires}"] }}
      }}
      target "t" {{
        {more}
      }}
      group "g" {{ targets = ["t", "app"] }}
    """
    with pytest.raises(CycleError, match="gates of each other") as caught:
        resolve(define(text), ["app"])
    assert caught.value.detail == chain
    assert caught.value.span is not None


def test_an_unknown_gate(define: Define) -> None:
    with pytest.raises(UnknownTargetError) as caught:
        resolve(define(APP, 'target "app-tset" {}'), ["app"])
    assert caught.value.summary == "target 'app': publish.requires: no target named 'app-test'"
    assert caught.value.hint == "did you mean 'app-tset'?"
    assert str(caught.value.span) == "0.hcl:5:24"
    with pytest.raises(UnknownTargetError) as caught:
        resolve(define(APP), ["app"], ["app.publish.requires=x"])
    assert caught.value.span is None


def test_inheritance_and_the_command_line(define: Define) -> None:
    text = (
        'target "child" { inherits = ["app"] }\ntarget "none" {\n inherits = ["app"]\n publish {\n'
    )
    text += "requires = [] \n}\n}"
    definition = define(APP, TEST, text)
    assert resolve(definition, ["child"]).targets["child"].publish_requires == ("app-test",)
    assert resolve(definition, ["none"]).targets["none"].publish_requires == ()
    cleared = resolve(definition, ["app"], ["app.publish.requires="])
    assert list(cleared.targets) == ["app"]


def test_printing_is_a_fixed_point(define: Define) -> None:
    found = resolve(define(APP + TEST), ["app"])
    printed = show.text(found)
    assert json.loads(printed)["target"]["app"]["publish"] == {"requires": ["app-test"]}
    assert json.loads(printed)["group"] == {"default": {"targets": ["app"]}}
    assert show.text(resolve(define(printed))) == printed

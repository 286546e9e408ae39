from __future__ import annotations

import pytest

from bakex.bake.merge import Draft
from bakex.bake.validation import check_buildable, validated
from bakex.diagnostics import Span
from bakex.errors import DefinitionError
from bakex.model.outputs import Output
from bakex.model.target import Target


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("context", "-"),
        ("dockerfile", "-"),
        ("annotations", ("x",)),
        ("platforms", ("x",)),
        ("platforms", ("linux/amd64,1",)),
        ("platforms", ("a/b/c/d",)),
        ("shm-size", "x"),
        ("shm-size", ""),
        ("ulimits", ("foo=1",)),
        ("resources", {"memory": "zz"}),
        ("call", "a,b"),
        ("output", (Output(type="local"),)),
        ("output", (Output(type="tar"), Output(type="oci"))),
    ],
)
def test_refused(name: str, value: object) -> None:
    span = Span("f.hcl", 3)
    draft = Draft(values={name: value}, spans={name: span})  # type: ignore[dict-item]
    with pytest.raises(DefinitionError) as caught:
        validated("app", draft, {"f.hcl": "text"})
    assert caught.value.summary.startswith("target 'app': ")
    assert caught.value.span == span
    assert caught.value.source == "text"


def test_a_value_of_an_override_has_no_place() -> None:
    with pytest.raises(DefinitionError) as caught:
        validated("app", Draft(values={"shm-size": "x"}), {})
    assert caught.value.span is None


@pytest.mark.parametrize(
    "platforms",
    [("linux/amd64,linux/arm64",), ("local",), ("linux/amd64/v2",), ("foo/bar",), ("arm64",)],
)
def test_platforms(platforms: tuple[str, ...]) -> None:
    draft = Draft(values={"platforms": platforms})
    assert validated("app", draft, {}) == draft


def test_outputs_are_completed() -> None:
    draft = validated("app", Draft(values={"output": (Output(type="tar"),)}), {})
    assert draft.values["output"] == (Output(type="tar", dest="-"),)


def test_everything_good() -> None:
    draft = Draft(
        values={
            "context": ".",
            "dockerfile": "D",
            "annotations": ("a=b",),
            "shm-size": "1m",
            "ulimits": ("nofile=1",),
            "resources": {"memory": "1g"},
            "call": "check",
        }
    )
    assert validated("app", draft, {}) == draft


def test_an_image_is_no_main_context() -> None:
    check_buildable([Target(name="app", contexts={"base": "docker-image://alpine"})])
    with pytest.raises(DefinitionError, match="target 'app': an image cannot be the main context"):
        check_buildable([Target(name="app", context="docker-image:/alpine")])

from __future__ import annotations

import json

from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.secrets import Secret
from bakex.model.target import Target
from bakex.plan.explain import document, text
from bakex.plan.planner import plan
from bakex.testing.fakes import fake_node

NODES = [fake_node("big", emulated=("linux/arm64",))]
TARGETS = {
    "base": Target(name="base", platforms=("linux/amd64", "linux/arm64")),
    "app": Target(
        name="app",
        platforms=("linux/amd64", "linux/arm64"),
        contexts={"b": "target:base"},
        tags=("r.example/app:1",),
        output=(
            Output(type="registry"),
            Output(type="image", attrs={"push": "true", "name": "r.example/x"}),
            Output(type="oci", dest="app.tar"),
        ),
        secret=(Secret(id="token", env="TOKEN"),),
    ),
}
PLAN = plan(TARGETS, ["app", "base"], NODES, Platform.parse("linux/amd64"))


def test_the_table_says_where_how_and_whereto() -> None:
    assert text(PLAN, NODES).splitlines() == [
        "TARGET  PLATFORM     NODE  HOW",
        "base    linux/amd64  big   native",
        "base    linux/arm64  big   emulated",
        "app     linux/amd64  big   native, after base@linux/amd64",
        "app     linux/arm64  big   emulated, after base@linux/arm64",
        "",
        "app: push to r.example/app:1",
        "app: push to r.example/app:1",
        "app: oci app.tar",
        "base: no output, the result stays in the build cache",
        "",
        "node big: unix:///nowhere/big.sock",
    ]


def test_a_push_without_tags_says_so() -> None:
    lone = Target(name="a", output=(Output(type="registry"),))
    made = plan({"a": lone}, ["a"], NODES, Platform.parse("linux/amd64"))
    assert "a: push to nowhere: no tags" in text(made, NODES)


def test_the_document_is_json_and_names_secrets_by_id_only() -> None:
    made = document(PLAN, NODES)
    assert json.loads(json.dumps(made)) == made
    (_, _, app, _) = made["cells"]  # type: ignore[misc]
    assert app["secrets"] == ["token"]  # type: ignore[has-type]
    assert app["outputs"] == ["registry", "image", "oci"]  # type: ignore[has-type]

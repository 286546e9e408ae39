from __future__ import annotations

import json

from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.secrets import Secret
from bakex.model.target import Target
from bakex.plan.explain import document, text
from bakex.plan.planner import plan
from bakex.testing.fakes import fake_node

AMD = Platform.parse("linux/amd64")
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
        entitlements=("network.host",),
        timeout="5m",
        retries="1",
    ),
}
PLAN = plan(TARGETS, ["app", "base"], NODES, Platform.parse("linux/amd64"))


def test_the_table_says_where_how_and_whereto() -> None:
    assert text(PLAN, NODES).splitlines() == [
        "TARGET  PLATFORM     NODE  HOW",
        "base    linux/amd64  big   native: the only node",
        "base    linux/arm64  big   emulated: no native node",
        "app     linux/amd64  big   native: the only node; after base@linux/amd64 (directly)",
        "app     linux/arm64  big   emulated: no native node; after base@linux/arm64 (directly)",
        "",
        "app: push to r.example/app:1",
        "app: push to r.example/app:1",
        "app: oci app.tar",
        "base: no output, the result stays in the build cache",
        "",
        "app: secrets token",
        "app: entitlements network.host",
        "",
        "node big: unix:///nowhere/big.sock",
    ]


def test_links_between_nodes_go_by_content() -> None:
    base = Target(name="base", platforms=("linux/arm64",))
    app = Target(name="app", platforms=("linux/amd64",), contexts={"b": "target:base"})
    nodes = [fake_node("one"), fake_node("two", native=("linux/arm64",))]
    made = plan({"base": base, "app": app}, ["app"], nodes, AMD)
    cell = made.cells[-1]
    assert (cell.direct, len(cell.links)) == (frozenset(), 1)
    assert "; after base@linux/arm64 (by content)" in text(made, nodes)
    cells = document(made, nodes)["cells"]
    assert isinstance(cells, list)
    assert (cells[-1]["direct"], cells[-1]["content"]) == ([], ["base@linux/arm64"])


def test_a_push_without_tags_says_so() -> None:
    lone = Target(name="a", output=(Output(type="registry"),))
    made = plan({"a": lone}, ["a"], NODES, Platform.parse("linux/amd64"))
    assert "a: push to nowhere: no tags" in text(made, NODES)


def test_the_document_is_json_and_names_secrets_by_id_only() -> None:
    made = document(PLAN, NODES)
    assert json.loads(json.dumps(made)) == made
    cells = made["cells"]
    assert isinstance(cells, list)
    app = cells[2]
    assert app["pushes"] == ["r.example/app:1"]
    assert (app["why"], app["alternatives"]) == ("the only node", 0)
    assert (app["timeoutSeconds"], app["retries"]) == (300.0, 1)
    assert (app["direct"], app["content"]) == (["base@linux/amd64"], [])
    assert app["secrets"] == ["token"]
    assert app["outputs"] == ["registry", "image", "oci"]


def test_gates() -> None:
    gates = ("test", "lint")
    platforms = ("linux/amd64", "linux/arm64")
    targets = {
        "app": Target(name="app", platforms=platforms, publish_requires=gates),
        "test": Target(name="test", contexts={"mid": "target:mid"}),
        "mid": Target(name="mid", contexts={"app": "target:app"}, platforms=platforms),
        "lint": Target(name="lint"),
    }
    made = plan(targets, ["app"], NODES, Platform.parse("linux/amd64"))
    lines = text(made, NODES).splitlines()
    said = "app: not published unless"
    assert [line for line in lines if line.startswith(said)] == [
        f"{said} test succeeds (linux/amd64, linux/arm64)",
        f"{said} lint succeeds (linux/amd64, linux/arm64), which does not use its result",
    ]
    cells = document(made, NODES)["cells"]
    assert isinstance(cells, list)
    assert cells[0]["gates"] == ["test@linux/amd64", "lint@linux/amd64"]


def test_other_nodes_that_could_are_counted() -> None:
    nodes = [fake_node(name) for name in "abc"]
    named = Output(type="image", attrs={"push": "true", "name": "r.example/y"})
    made = plan({"x": Target(name="x", output=(named,))}, ["x"], nodes[:2], AMD)
    assert (
        text(made, nodes).splitlines()[1]
        == "x       linux/amd64  a     native: free; 1 other could"
    )
    assert "x: push to r.example/y" in text(made, nodes)
    made = plan({"x": Target(name="x")}, ["x"], nodes, AMD)
    assert text(made, nodes).splitlines()[1].endswith("; 2 others could")

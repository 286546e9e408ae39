"""Fields that differ, wherever they are."""

from __future__ import annotations

import pytest

from bakex.oci.compare_documents import changes


def told(a: dict[str, object], b: dict[str, object]) -> list[tuple[str, object, object]]:
    return [(change.field, change.a, change.b) for change in changes(a, b)]


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ({"x": 1}, {"x": 1}, []),
        ({"x": None}, {}, []),
        ({"x": 1}, {"x": True}, [("x", 1, True)]),
        ({"x": ""}, {}, [("x", "", None)]),
        ({"x": {}}, {}, [("x", {}, None)]),
        ({}, {"x": {"y": "1"}}, [("x.y", None, "1")]),
        ({"x": {"y": 1, "z": 2}}, {"x": {"z": 3, "w": 4}}, [
            ("x.y", 1, None), ("x.z", 2, 3), ("x.w", None, 4),
        ]),
        ({"x": [1, {"y": 2}]}, {"x": [1, {"y": 3}, 4]}, [("x[1].y", 2, 3), ("x[2]", None, 4)]),
        ({"x": ["a"]}, {"x": "a"}, [("x", ["a"], "a")]),
        ({"x": ["a"]}, {}, [("x", ["a"], None)]),
    ],
)  # fmt: skip
def test_fields(a: dict[str, object], b: dict[str, object], wanted: list[object]) -> None:
    assert told(a, b) == wanted


def env(*variables: object) -> dict[str, object]:
    return {"config": {"Env": list(variables)}}


def test_the_environment_is_compared_by_variable() -> None:
    assert told(env("A=1", "B=2"), env("C=3", "A=1", "B=x=y")) == [
        ("config.Env.B", "2", "x=y"),
        ("config.Env.C", None, "3"),
    ]
    assert told(env("A=1"), {"config": {}}) == [("config.Env.A", "1", None)]


@pytest.mark.parametrize("odd", ["A", "A=2", 7])
def test_an_environment_that_is_none_is_compared_as_a_list(odd: object) -> None:
    assert told(env("A=1", odd), env("A=1", odd)) == []
    assert told(env("A=1", odd), env("A=1", odd, odd)) == [("config.Env[2]", None, odd)]


def test_the_order_of_the_environment_is_no_difference_of_its_variables() -> None:
    assert told(env("A=1", "B=2"), env("B=2", "A=1")) == [
        ("config.Env", ["A=1", "B=2"], ["B=2", "A=1"])
    ]


def test_fields_that_are_left_out() -> None:
    assert changes({"x": 1, "y": 1}, {"x": 2, "y": 2}, ignored=("x",))[0].field == "y"


def test_what_is_nested_too_deeply_is_compared_as_a_whole() -> None:
    a: object = 1
    b: object = 2
    for _ in range(100):
        a, b = {"x": a}, {"x": b}
    (change,) = changes({"x": a}, {"x": b})
    assert change.field == ".".join("x" * 65)

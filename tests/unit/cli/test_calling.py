from __future__ import annotations

import json
from typing import Any

import pytest

from bakex.bake.groups import Group
from bakex.bake.resolve import Resolution
from bakex.cli.calling import present
from bakex.model.call import Answer
from bakex.model.target import Target


def resolution(**targets: dict[str, Any]) -> Resolution:
    made = {name: Target(name=name, **fields) for name, fields in targets.items()}
    groups = {"default": Group(name="default", targets=tuple(made))}
    return Resolution(targets=made, requested=tuple(made), groups=groups)


def said(text: str, **fields: str) -> Answer:
    return Answer(
        fields={"result.txt": text, **{k.replace("_", "."): v for k, v in fields.items()}}
    )


def test_sections_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    targets = resolution(b={"call": "x"}, a={"call": "x", "description": "the first"})
    assert present(targets, {"b": said("two\n"), "a": said("one\n")}, "") == 0
    assert capsys.readouterr().out == "a\nthe first\n\none\n\nb\n\ntwo\n"


@pytest.mark.parametrize(
    ("call", "option", "code"),
    [
        ("x", "", 3),
        ("x,ignorestatus=true", "", 0),
        ("x,ignorestatus=true", "x", 3),
        ("x", "x,ignorestatus=true", 0),
        ("x", "x", 3),
    ],
)
def test_the_first_bad_verdict_is_the_exit_code(call: str, option: str, code: int) -> None:
    targets = resolution(a={"call": "x"}, b={"call": call}, c={"call": call})
    answers = {"a": said(""), "b": said("", result_statuscode="3"), "c": said("")}
    assert present(targets, answers, option) == code


def test_a_verdict_that_is_none() -> None:
    targets = resolution(a={"call": "x"})
    for text in ("", "-1", "x", "²"):
        assert present(targets, {"a": said("", result_statuscode=text)}, "") == 0


def test_a_failure_is_said_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    targets = resolution(a={"call": "check,ignorestatus=true"})
    document = {"warnings": None, "buildError": {"message": "no stage", "location": {}}}
    answer = Answer(fields={"result.json": json.dumps(document), "result.statuscode": "1"})
    assert present(targets, {"a": answer}, "") == 1
    assert capsys.readouterr().out == "a\n\nerror: no stage\n\n"
    assert present(targets, {"a": answer}, "check,format=json") == 1
    printed = json.loads(capsys.readouterr().out)["target"]["a"]["check"]
    assert list(printed) == ["buildError", "error", "warnings"]
    assert printed["error"] == "no stage\n"


def test_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    targets = resolution(a={"call": "outline"}, b={})
    answer = Answer(fields={"result.json": '{"name": "<app>", "args": []}'})
    assert present(targets, {"a": answer}, "outline,format=json") == 0
    out = capsys.readouterr().out
    assert r'"name": "\u003capp\u003e"' in out
    build = {"context": ".", "dockerfile": "Dockerfile"}
    assert json.loads(out) == {
        "group": {"default": {"targets": ["a", "b"]}},
        "target": {
            "a": {"build": {**build, "call": "outline"}, "outline": {"args": [], "name": "<app>"}},
            "b": {"build": build},
        },
    }


def test_a_list_goes_under_the_methods_name(capsys: pytest.CaptureFixture[str]) -> None:
    targets = resolution(a={"call": "subrequests.describe"})
    answer = Answer(fields={"result.json": "[1]"})
    present(targets, {"a": answer}, "subrequests.describe,format=json")
    found = json.loads(capsys.readouterr().out)["target"]["a"]
    assert found["subrequests.describe"] == {"subrequests.describe": [1]}


def test_messages_of_frontends_come_last(capsys: pytest.CaptureFixture[str]) -> None:
    targets = resolution(a={"call": "x"})
    answer = Answer(fields={"result.txt": "said\n", "frontend.result.inlinemessage": "by the way"})
    present(targets, {"a": answer}, "")
    assert capsys.readouterr().out == "a\n\nsaid\n\n# a\nby the way\n"

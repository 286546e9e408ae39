"""Answers as text; what is expected was printed by docker-buildx 0.29.1 (BuildKit of docker 28)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.cli.answers import failure, text
from bakex.model.call import Answer, Call

DOCKERFILE = """\
FROM scratch AS base
ARG NAME=x
FROM base as app
MAINTAINER me
# WHO whom to greet
ARG WHO=world
ENV A b
COPY Dockerfile /
"""
URL = "https://docs.docker.com/go/dockerfile/rule/"


def at(first: int, last: int | None = None, **fields: Any) -> dict[str, Any]:
    ends = {"start": {"line": first}, "end": {"line": first if last is None else last}}
    return {"location": {"ranges": [ends]}, **fields}


def answer(document: Any, *, dockerfile: str = "sub/Dockerfile", **fields: str) -> Answer:
    return Answer(
        fields={"result.json": json.dumps(document), **fields},
        filename="Dockerfile",
        dockerfile=dockerfile,
    )


def lint(*warnings: dict[str, Any], source: str = DOCKERFILE, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(source.encode()).decode()
    sources = [{"filename": "Dockerfile", "data": data}]
    return {"warnings": list(warnings) or None, "sources": sources, **more}


CASING = at(
    3, ruleName="FromAsCasing", url=f"{URL}from-as-casing/",
    detail="'as' and 'FROM' keywords' casing do not match",
)  # fmt: skip
LEGACY = at(7, ruleName="LegacyKeyValueFormat", detail="use ENV key=value")


def test_a_check_without_findings() -> None:
    found = answer(lint())
    assert text(Call(name="lint"), found) == "Check complete, no warnings found.\n"
    assert failure(Call(name="lint"), found) == ""


def test_a_check_with_one_finding() -> None:
    assert (
        text(Call(name="lint"), answer(lint(CASING)))
        == f"""\
Check complete, 1 warning has been found!

WARNING: FromAsCasing - {URL}from-as-casing/
'as' and 'FROM' keywords' casing do not match
sub/Dockerfile:3
--------------------
   1 |     FROM scratch AS base
   2 |     ARG NAME=x
   3 | >>> FROM base as app
   4 |     MAINTAINER me
   5 |     # WHO whom to greet
--------------------
"""
    )


def test_findings_are_in_the_order_of_their_lines() -> None:
    nowhere = {"ruleName": "B", "detail": "b", "location": {"sourceIndex": -1}}
    first = {"ruleName": "A", "detail": "a", "location": {"sourceIndex": -1}}
    unknown = {"ruleName": "C", "detail": "c", "location": {}}
    shown = text(Call(name="lint"), answer(lint(LEGACY, CASING, unknown, nowhere, first)))
    rules = [line.split()[1] for line in shown.splitlines() if line.startswith("WARNING")]
    assert rules == ["A", "B", "C", "FromAsCasing", "LegacyKeyValueFormat"]
    assert shown.startswith("Check complete, 5 warnings have been found!\n")
    # At the end of the file there are fewer lines to show; no URL, no dash.
    assert shown.endswith(
        """
WARNING: LegacyKeyValueFormat
use ENV key=value
sub/Dockerfile:7
--------------------
   5 |     # WHO whom to greet
   6 |     ARG WHO=world
   7 | >>> ENV A b
   8 |     COPY Dockerfile /
   9 |     ¶
--------------------
""".replace("¶", "")
    )


def test_the_excerpt_of_several_lines() -> None:
    shown = text(Call(name="lint"), answer(lint(at(2, 4, ruleName="R", detail="d"))))
    assert [line for line in shown.splitlines() if " | " in line] == [
        "   1 |     FROM scratch AS base",
        "   2 | >>> ARG NAME=x",
        "   3 | >>> FROM base as app",
        "   4 | >>> MAINTAINER me",
        "   5 |     # WHO whom to greet",
    ]


@pytest.mark.parametrize(
    ("name", "dockerfile", "shown"),
    [
        ("Dockerfile", "inline", "inline:1"),
        ("Dockerfile", "", "Dockerfile:1"),
        ("other", "sub/Dockerfile", "other:1"),
    ],
)
def test_names_of_files(name: str, dockerfile: str, shown: str) -> None:
    document = lint(at(1, ruleName="R", detail="d"))
    document["sources"][0]["filename"] = name
    assert f"\n{shown}\n" in text(Call(name="lint"), answer(document, dockerfile=dockerfile))


def test_a_dockerfile_that_cannot_be_used() -> None:
    error = at(4, message="base name ($X) should not be blank")
    bad = answer(lint(CASING, buildError=error), dockerfile="inline")
    assert text(Call(name="lint"), bad).endswith("--------------------\n\n")
    assert failure(Call(name="lint"), bad).splitlines()[:3] == [
        "base name ($X) should not be blank", "inline:4", "--------------------",
    ]  # fmt: skip
    assert text(Call(name="lint"), answer(lint(buildError=error))) == ""
    assert failure(Call(name="outline"), bad) == ""


def test_an_outline() -> None:
    document = {
        "name": "app",
        "description": "is the app",
        "args": [{"name": "A B", "value": "c"}, {"name": "日本", "description": "text"}],
        "secrets": [{"name": "s", "required": True}, {"name": "t"}],
        "ssh": [{"name": "default"}],
    }
    assert (
        text(Call(name="outline"), answer(document))
        == """\
TARGET:      app
DESCRIPTION: is the app

BUILD ARG   VALUE   DESCRIPTION
A B         c       ¶
日本                  text

SECRET   REQUIRED
s        true
t        ¶

SSH       REQUIRED
default   ¶

""".replace("¶", "")
    )
    assert text(Call(name="outline"), answer({"description": "x"})) == (
        "TARGET:      (default)\nDESCRIPTION: x\n\n"
    )
    assert text(Call(name="outline"), answer({})) == ""


def test_targets() -> None:
    document = {
        "targets": [
            {"name": "base", "description": "build the thing"},
            {"name": "app", "default": True},
        ]
    }
    assert text(Call(name="targets"), answer(document)) == (
        "TARGET        DESCRIPTION\nbase          build the thing\napp (default) \n"
    )
    unnamed = answer({"targets": [{"default": True}]})
    assert text(Call(name="targets"), unnamed) == "TARGET    DESCRIPTION\n(default) \n"


def test_requests() -> None:
    document = [{"name": "frontend.outline", "version": "1.0.0", "description": "List"}]
    assert text(Call(name="subrequests.describe"), answer(document)) == (
        "NAME    VERSION DESCRIPTION\noutline 1.0.0   List\n"
    )


def test_json_is_the_frontends_own() -> None:
    found = Answer(fields={"result.json": '{"a": [ ]}'})
    for name in ("lint", "outline", "other"):
        assert text(Call(name=name, format="json"), found) == '{"a": [ ]}\n'


def test_a_newer_form_is_shown_as_the_frontend_does() -> None:
    newer = answer({}, version="1.1.0", **{"result.txt": "its own words"})
    assert text(Call(name="outline"), newer) == "its own words"
    for version in ("1.0.0", "", "0.9", "x"):
        same = answer({}, version=version, **{"result.txt": "its own words"})
        assert text(Call(name="outline"), same) == ""


def test_other_methods() -> None:
    assert text(Call(name="x"), Answer(fields={"result.txt": "said"})) == "said"
    assert text(Call(name="x"), Answer(fields={"b": "2", "a": "1"})) == "a: 1\nb: 2\n"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["warnings", "sources", "location", "ranges", "start", "end", "line", "data", "args",
             "buildError", "targets", "sourceIndex", "name", "ruleName", "filename"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(ANYTHING, st.sampled_from(["lint", "outline", "targets", "subrequests.describe"]))
def test_whatever_a_frontend_says(document: Any, name: str) -> None:
    found = answer(document)
    assert isinstance(text(Call(name=name), found), str)
    assert isinstance(failure(Call(name=name), found), str)


def test_no_json() -> None:
    assert text(Call(name="targets"), Answer(fields={"result.json": "{"})) == "TARGET DESCRIPTION\n"

from __future__ import annotations

import json

import pytest

from bakex.cli.failures import as_json, expected, explain, shown
from bakex.diagnostics import Diagnostic, Span
from bakex.errors import (
    DefinitionError,
    DialError,
    FrontendError,
    InternalError,
    NodeLostError,
    RunFailedError,
    StepFailedError,
    UsageError,
)


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_one_error() -> None:
    error = UsageError("it is wrong", detail="Because.", hint="change it")
    assert explain(error, debug=False) == (
        "error[BX1000]: it is wrong\n  Because.\n  hint: change it",
        2,
    )


def test_a_place_in_a_file() -> None:
    error = DefinitionError("odd", span=Span("f.hcl", 2, 3, 2, 5), source="a\nb cd e\n")
    assert explain(error, debug=False)[0].splitlines() == [
        "error[BX2000]: odd",
        "  --> f.hcl:2:3",
        "  1 | a",
        "  2 | b cd e",
        "    |   ^^",
    ]


def test_several_findings_of_one_error_are_counted() -> None:
    more = (Diagnostic(code="BX2001", summary="second"),)
    text, code = explain(DefinitionError("first", more=more), debug=False)
    assert text == "error[BX2000]: first\n\nerror[BX2001]: second\n\n2 errors"
    assert code == 3


def test_the_same_failure_on_every_platform_is_told_once() -> None:
    failures = [FrontendError("dockerfile is empty", detail="Nothing in it.") for _ in range(3)]
    text, code = explain(RunFailedError("3 of 3 cells failed", failures), debug=False)
    assert text == (
        "error[BX4001]: dockerfile is empty\n"
        "  Nothing in it.\n"
        "  This happened 3 times.\n\n"
        "3 of 3 cells failed"
    )
    assert code == 1


def test_one_failed_cell_needs_no_summary() -> None:
    failed = RunFailedError("1 of 3 cells failed", [StepFailedError("make failed")])
    assert explain(failed, debug=False)[0] == "error[BX4002]: make failed"


def test_output_of_steps_in_a_message_is_harmless() -> None:
    error = StepFailedError("make\x1b[2J failed", detail="\x1b]0;t\x07log\rline\n\x1b[31mred")
    text, _ = explain(error, debug=False)
    assert text == "error[BX4002]: make failed\n  log\n  line\n  red"


def test_colours_mark_the_kind_of_message() -> None:
    assert explain(UsageError("bad: worse"), debug=False, colour=True)[0] == (
        "\x1b[1;31merror[BX1000]\x1b[0m: bad: worse"
    )
    warning = Diagnostic(code="BX1", summary="odd", severity="warning")
    assert list(shown([warning], colour=True)) == ["\x1b[1;33mwarning[BX1]\x1b[0m: odd"]


def test_a_bug_names_its_place_and_what_to_do() -> None:
    error = raised(KeyError("a password"))
    text, code = explain(error, debug=False)
    assert text.startswith("error[BX9000]: this is a bug in bakex: KeyError in test_failures.py, l")
    assert "--debug" in text
    assert "password" not in text
    assert code == 70


def test_a_bug_that_was_never_raised() -> None:
    assert expected(KeyError()).summary == "this is a bug in bakex: KeyError"


def test_debug_shows_where_it_came_from() -> None:
    text, _ = explain(raised(UsageError("bad\x1b[2J")), debug=True)
    assert text.startswith("Traceback (most recent call last):\n")
    assert "    raise error\n" in text
    assert "\x1b" not in text


def test_a_group_of_known_errors_is_what_it_holds() -> None:
    dial, step = DialError("no answer"), StepFailedError("make failed")
    inner = ExceptionGroup("inner", [step])
    assert expected(ExceptionGroup("tasks", [dial])) is dial
    both = expected(ExceptionGroup("tasks", [dial, inner]))
    assert [d.summary for d in both.diagnostics()] == ["no answer", "make failed"]
    assert both.summary == "2 errors"


def test_a_group_with_a_bug_is_a_bug() -> None:
    group = ExceptionGroup("tasks", [DialError("no answer"), raised(ValueError())])
    found = expected(group)
    assert isinstance(found, InternalError)
    assert "ValueError in test_failures.py" in found.summary


@pytest.mark.parametrize("debug", [True, False])
def test_groups_keep_their_exit_code(debug: bool) -> None:
    group = ExceptionGroup("tasks", [DialError("no answer")])
    assert explain(group, debug=debug)[1] == DialError.exit_code


def test_findings_as_a_document() -> None:
    span = Span(file="a.hcl", line=2, column=3)
    finding = Diagnostic(code="BX2000", summary="it is odd\x1b[2J\u00e9", span=span, source="x")
    text = as_json([finding, finding])
    assert text.isascii()
    assert json.loads(text) == {
        "diagnostics": [
            {
                "severity": "error",
                "code": "BX2000",
                "summary": "it is odd\x1b[2J\u00e9",
                "detail": "",
                "hint": "",
                "span": {
                    "file": "a.hcl",
                    "line": 2,
                    "column": 3,
                    "end_line": 0,
                    "end_column": 0,
                },
            }
        ]
    }


def test_the_exit_code_of_several_failures() -> None:
    lost, failed = NodeLostError("gone"), StepFailedError("exit code 1")
    assert explain(RunFailedError("2 of 2 cells failed", [lost, lost]), debug=False)[1] == 4
    assert explain(RunFailedError("2 of 2 cells failed", [lost, failed]), debug=False)[1] == 1

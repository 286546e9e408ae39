from __future__ import annotations

from bakex.diagnostics import Diagnostic, Span, document, render


def shown(source: str, span: Span) -> list[str]:
    return render(Diagnostic(code="BX2000", summary="odd", span=span, source=source)).splitlines()


def test_everything_that_there_is_to_say() -> None:
    finding = Diagnostic(
        code="BX2000", severity="warning", summary="odd", detail="One.\nTwo.", hint="mend it"
    )
    assert render(finding).splitlines() == [
        "warning[BX2000]: odd",
        "  One.",
        "  Two.",
        "  hint: mend it",
    ]


def test_the_line_and_the_one_before() -> None:
    assert shown("a\nb\n\tcd e\nf\n", Span("x.hcl", 3, 2, 3, 4)) == [
        "error[BX2000]: odd",
        "  --> x.hcl:3:2",
        "  2 | b",
        "  3 | \tcd e",
        "    | \t^^",
    ]


def test_a_range_of_several_lines_and_a_point() -> None:
    assert shown("abc\nd", Span("x.hcl", 1, 2, 2, 1))[-1] == "    |  ^^"
    assert shown("abc\nd", Span("x.hcl", 1, 4))[-1] == "    |    ^"


def test_a_place_that_is_not_in_the_source() -> None:
    assert shown("a", Span("x.hcl", 7, 1)) == ["error[BX2000]: odd", "  --> x.hcl:7:1"]


def test_of_a_long_line_the_part_around_the_place() -> None:
    source = "x" * 1000 + "\n" + "a" * 500 + "HERE" + "b" * 500
    lines = shown(source, Span("x.json", 2, 501, 2, 505))
    assert len(lines[2]) < 180
    row, carets = lines[3], lines[4]
    assert row.startswith("  2 | ...aaa")
    assert row.endswith("bbb...")
    assert row[carets.index("^") : carets.rindex("^") + 1] == "HERE"


def test_a_long_range_ends_with_the_line_that_is_shown() -> None:
    lines = shown("a" * 1000, Span("x.json", 1, 11, 1, 900))
    assert lines[-1].index("^") == lines[-2].index("|") + 2 + 10
    assert len(lines[-1]) == len(lines[-2])


def test_the_document_has_always_the_same_keys() -> None:
    without = document(Diagnostic(code="BX2000", summary="odd"))
    span = Span("x.hcl", 1, 2, 3, 4)
    found = document(Diagnostic(code="BX2000", summary="odd", span=span, source="secret"))
    assert without["span"] is None
    assert list(found) == list(without)
    assert found["span"] == {
        "file": "x.hcl",
        "line": 1,
        "column": 2,
        "end_line": 3,
        "end_column": 4,
    }
    assert "secret" not in str(found)

from __future__ import annotations

from bakex.bake.hcl.faults import MAX_SHOWN, Fault, diagnostics, syntax_error
from bakex.bake.hcl.source import Source

SOURCE = Source("a.hcl", "one\ntwo\nthree\n" + "\n" * 500)


def test_one_per_line_in_the_order_of_the_file() -> None:
    faults = [
        Fault("later", 8, 9),
        Fault("first", 1, 2, detail="Because.", hint="do this"),
        Fault("same line", 2, 3),
        Fault("follows", 5, 6, quiet=True),
    ]
    found = diagnostics(faults, SOURCE)
    assert [item.summary for item in found] == ["first", "later"]
    assert (found[0].code, found[0].detail, found[0].hint) == ("BX2001", "Because.", "do this")
    assert str(found[0].span) == "a.hcl:1:2"


def test_nobody_reads_thousands() -> None:
    assert len(diagnostics([Fault("x", at, at) for at in range(500)], SOURCE)) == MAX_SHOWN


def test_one_error_for_all() -> None:
    found = diagnostics([Fault("first", 1, 2), Fault("later", 8, 9)], SOURCE)
    error = syntax_error(found)
    assert error.diagnostics() == found


def test_error() -> None:
    error = Fault("wrong", 4, 7, detail="Because.", hint="do this").error(SOURCE)
    assert (error.summary, error.detail, error.hint) == ("wrong", "Because.", "do this")
    assert str(error.span) == "a.hcl:2:1"
    assert error.source == SOURCE.text

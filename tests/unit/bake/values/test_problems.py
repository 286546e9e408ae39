from __future__ import annotations

from bakex.bake.values.problems import ConversionError, LimitError, ValueProblem
from bakex.errors import EvaluationError


def test_all_are_errors_of_evaluation_without_a_place() -> None:
    for error in (ValueProblem("x"), ConversionError("x"), LimitError("x")):
        assert isinstance(error, EvaluationError)
        assert error.span is None
        assert error.diagnostics()[0].code == "BX2002"

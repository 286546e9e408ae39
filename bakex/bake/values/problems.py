"""What can be wrong with a value, before anybody knows where in a file it came from."""

from __future__ import annotations

from bakex.errors import EvaluationError


class ValueProblem(EvaluationError):  # noqa: N818 - a kind of EvaluationError, without a place
    """A value cannot be used as asked.

    Raised without a place; `bakex.bake.hcl.evaluate` fills in the place of the expression. Whoever
    calls `convert` and its siblings directly sets `span` and `source` before raising it further.
    """


class ConversionError(ValueProblem):
    """A value has no form in the type that is required.

    Attributes:
        reason: One line that says what is wrong, such as ``a number is required``.
        path: Where inside the value, as the user would write it: ``.tags[2]``; empty at the top.
    """

    def __init__(self, reason: str, *, path: str = "", hint: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"{path}: {reason}" if path else reason, hint=hint)

    def within(self, step: str) -> ConversionError:
        """Return the same problem seen from one level further out."""
        return ConversionError(self.reason, path=step + self.path, hint=self.hint)


class LimitError(ValueProblem):
    """A value or a computation is larger than any real bake file needs."""

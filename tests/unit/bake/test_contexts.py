from __future__ import annotations

from bakex.bake.contexts import rebased


def test_rebased() -> None:
    assert rebased("../y", "sub") == "y"
    assert rebased(".", "") == "."

from __future__ import annotations

import pytest

from bakex.bake.functions.arguments import iterable, sequence, whole
from bakex.bake.functions.function import FunctionError
from bakex.bake.values.compare import set_value
from bakex.bake.values.value import TRUE, number, string, tuple_value
from bakex.bake.values.valuetype import BOOL


def test_whole_takes_all_of_64_bits() -> None:
    assert whole(number(2**63 - 1), 0, "n") == 2**63 - 1
    assert whole(number(-(2**63)), 0, "n") == -(2**63)


@pytest.mark.parametrize("amount", [0.5, 2**63, -(2**63) - 1, float("inf")])
def test_whole_refuses(amount: float) -> None:
    with pytest.raises(FunctionError, match='"n" must be a whole number') as caught:
        whole(number(amount), 3, "n")
    assert caught.value.argument == 3


def test_sequence_and_iterable() -> None:
    pair = tuple_value([TRUE, TRUE])
    single = set_value(BOOL, pair.items)
    assert sequence(pair, 0, "list") == pair.items
    assert iterable(single, 0, "list") == single.items
    with pytest.raises(FunctionError, match="must be a list or tuple, but this is a set of bools"):
        sequence(single, 0, "list")
    with pytest.raises(FunctionError, match="must be a list, tuple or set, but this is a string"):
        iterable(string("x"), 0, "list")

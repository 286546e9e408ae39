from __future__ import annotations

import pytest

from bakex.bake.values.limits import MAX_TEXT, MAX_WEIGHT, check_text, check_weight
from bakex.bake.values.problems import LimitError


def test_what_fits_passes() -> None:
    check_text(MAX_TEXT)
    check_weight(MAX_WEIGHT)


def test_what_does_not_is_refused_with_the_limit() -> None:
    with pytest.raises(LimitError) as caught:
        check_text(MAX_TEXT + 1)
    assert str(MAX_TEXT) in caught.value.detail
    with pytest.raises(LimitError) as caught:
        check_weight(MAX_WEIGHT + 1)
    assert str(MAX_WEIGHT) in caught.value.detail

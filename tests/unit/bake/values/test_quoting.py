from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.values.quoting import quote_go, quote_json


@given(st.text())
def test_json_reads_back(text: str) -> None:
    quoted = quote_json(text)
    assert json.loads(quoted) == text
    assert not set("<>&\u2028\u2029") & set(quoted)


def test_go() -> None:
    assert quote_go('a"\\\a\v\x01é\u200b\U000e0001') == r'"a\"\\\a\v\x01é\u200b\U000e0001"'

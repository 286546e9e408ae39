from __future__ import annotations

import pytest

from bakex.errors import DefinitionError
from bakex.model import resources


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory", "2g"),
        ("memory-swap", "-1"),
        ("cpu-shares", "5"),
        ("cpu-quota", "-1"),
        ("cpuset-cpus", "0-3"),
    ],
)
def test_good_values(key: str, value: str) -> None:
    resources.check(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory", "zz"),
        ("memory", "-1"),
        ("cpu-shares", "1.5"),
        ("cpu-quota", "x"),
        ("cpu-quota", "9223372036854775808"),
        ("cpu-quota", "9" * 5000),
        ("memory", "9" * 5000),
        ("foo", "1"),
    ],
)
def test_bad_values(key: str, value: str) -> None:
    with pytest.raises(DefinitionError, match=key):
        resources.check(key, value)


def test_document_has_numbers_and_a_fixed_order() -> None:
    values = {"cpuset-mems": "0", "cpu-quota": "7", "memory": "1g"}
    assert list(resources.document(values).items()) == [
        ("memory", "1g"), ("cpu-quota", 7), ("cpuset-mems", "0")
    ]  # fmt: skip

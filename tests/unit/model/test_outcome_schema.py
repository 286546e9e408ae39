from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from bakex.model.outcome_schema import document, text
from tests.unit.model.test_outcome import OUTCOME


def test_a_record_is_as_the_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(document())
    jsonschema.validate(json.loads(OUTCOME.to_bytes()), document())
    assert json.loads(text()) == document()


def test_every_field_is_described() -> None:
    record: dict[str, Any] = json.loads(OUTCOME.to_bytes())
    schema: Any = document()
    assert list(schema["properties"]) == list(record)
    cell = schema["properties"]["cells"]["items"]
    assert list(cell["properties"]) == list(record["cells"][0])


@pytest.mark.parametrize(
    "changes", [{"kind": "x"}, {"state": "odd"}, {"cells": [{}]}, {"definition": "md5:0"}]
)
def test_what_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(OUTCOME.to_bytes()) | changes, document())

"""The JSON Schema of the record of a run, for those who read it with other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.model.outcome import KIND, SCHEMA_VERSION, CellState

if TYPE_CHECKING:
    from collections.abc import Mapping

_Schema = dict[str, object]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: _Schema = {"type": "string"}
_FLAG: _Schema = {"type": "boolean"}
_DIGEST: _Schema = {"type": "string", "pattern": "^sha(256|512):[0-9a-f]+$"}


def text() -> str:
    """Return the schema as JSON; ends with a newline."""
    return json.dumps(document(), indent=2) + "\n"


def document() -> _Schema:
    """Return the schema as plain values. Readers must ignore properties that are not in it."""
    return {
        "$schema": _DIALECT,
        "title": "Result of a bake",
        **_object(
            {
                "kind": {"const": KIND},
                "schemaVersion": {"const": SCHEMA_VERSION},
                "created": {"type": "string", "format": "date-time"},
                "state": {"enum": ["running", "succeeded", "failed", "cancelled"]},
                "definition": _DIGEST,
                "revision": _TEXT,
                "directory": _TEXT,
                "options": {"type": "object"},
                "requested": _list(_TEXT),
                "shard": _list(_TEXT),
                "cells": _list(_cell()),
                "publications": _list({"type": "object"}),
            }
        ),
    }


def _cell() -> _Schema:
    root = {"mediaType": _TEXT, "digest": _DIGEST, "size": {"type": "integer", "minimum": 0}}
    image = {"repositories": _list(_TEXT), "insecure": _FLAG, "root": _object(root)}
    return _object(
        {
            "target": _TEXT,
            "platform": _TEXT,
            "state": {"enum": [str(state) for state in CellState]},
            "node": _TEXT,
            "speed": {"enum": ["", "native", "emulated"]},
            "attempts": _list(_object({"node": _TEXT, "reason": _TEXT})),
            "seconds": {"type": "number", "minimum": 0},
            "error": _TEXT,
            "pushed": _list(_object(image)),
            "complete": _FLAG,
            "metadata": {"type": "object"},
            "ref": _TEXT,
        }
    )


def _object(properties: Mapping[str, object]) -> _Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}

"""The JSON Schemas of the data files, for editors and for whoever writes such files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bakex.platforms.profile import Device, Profile
from bakex.platforms.shape import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> Mapping[str, str]:
    """Return file name below ``platforms/`` -> text of the schema."""
    kinds = {
        "schema.json": ("A platform of bakex", Profile),
        "devices/schema.json": ("A device of bakex", Device),
    }
    return {
        name: json.dumps({"$schema": _DIALECT, "title": title, **schema_of(of)}, indent=2) + "\n"
        for name, (title, of) in kinds.items()
    }

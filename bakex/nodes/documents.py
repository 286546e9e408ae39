"""JSON objects in files that docker and buildx keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from bakex.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def read_object(file: Path) -> dict[str, Any] | None:
    """Return a JSON object; None if there is no such file.

    Raises:
        ConfigError: The file cannot be read, or holds something else.
    """
    try:
        document: object = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read", detail=f"{error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"{file} is not valid JSON", detail=f"{error}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{file} does not hold a JSON object")
    return cast("dict[str, Any]", document)

"""``include``: what a compose file says of other compose files (compose-go loader/include.go)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.bake.compose.problems import refusal
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, is_null

if TYPE_CHECKING:
    from bakex.bake.yaml.nodes import YamlNode

INCLUDE = "include"
Text = tuple[str, "Scalar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """Files that are included as one project.

    Attributes:
        paths: The names of the files, the later laid over the earlier, and where they are written.
        directory: What is in them is relative to it; empty for that of the first file.
        env_files: Files of variables for them; none for ``.env`` in that directory.
    """

    paths: tuple[Text, ...]
    directory: str = ""
    env_files: tuple[Text, ...] = ()


def includes(root: YamlNode) -> list[Include]:
    """Return what a compose file includes, in order.

    Raises:
        EvaluationError: It does not say so properly.
    """
    node = root.get(INCLUDE) if isinstance(root, Mapping) else None
    if node is None or is_null(node):
        return []
    if not isinstance(node, Sequence):
        raise refusal((INCLUDE,), "a list is required", node, hint="write include: [FILE]")
    return [_include(item) for item in node.items]


def _include(node: YamlNode) -> Include:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Include(paths=((node.value, node),))
    if not isinstance(node, Mapping):
        raise refusal((INCLUDE,), "each element must be a text or a mapping", node)
    directory = _texts(node, "project_directory", listed=False)
    return Include(
        paths=_texts(node, "path"),
        directory=directory[0][0] if directory else "",
        env_files=_texts(node, "env_file"),
    )


def _texts(node: Mapping, key: str, *, listed: bool = True) -> tuple[Text, ...]:
    value = node.get(key)
    if value is None or is_null(value):
        return ()
    items = value.items if listed and isinstance(value, Sequence) else (value,)
    found: list[Text] = []
    for item in items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            what = "a text or a list of texts" if listed else "a text"
            raise refusal((INCLUDE, key), f"{what} is required", item)
        found.append((item.value, item))
    return tuple(found)

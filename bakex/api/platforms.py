"""The data files about platforms and devices, bakex's own and the user's.

bakex's own are in the package (``bakex/_data/platforms``), or beside it when bakex runs from its
source tree. The user's are in ``$XDG_CONFIG_HOME/bakex/platforms`` and lie over them, in the order
of their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import bakex
from bakex.bake.hcl.source import decode
from bakex.bake.yaml.document import read
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, YamlNode
from bakex.errors import ConfigError, InternalError, SyntaxDefinitionError
from bakex.model.bakefile import MAX_SIZE
from bakex.platforms.catalogue import Catalogue, gather
from bakex.platforms.document import Document

if TYPE_CHECKING:
    from bakex.config import Settings
    from bakex.diagnostics import Span
    from bakex.platforms.document import Path as Place

_DEVICES = "devices"


def catalogue(settings: Settings) -> Catalogue:
    """Return what is known about platforms and devices.

    Raises:
        ConfigError: A file of the user's cannot be read or is malformed; with its place.
    """
    folders = (shipped(), settings.config / "platforms")
    return gather(
        [document for folder in folders for document in documents(folder)],
        [document for folder in folders for document in documents(folder / _DEVICES)],
    )


def shipped() -> Path:
    """Return the folder of the data files that belong to bakex.

    Raises:
        InternalError: They are missing.
    """
    package = Path(bakex.__file__).parent
    for folder in (package / "_data" / "platforms", package.parent / "platforms"):
        if (folder / "schema.json").is_file():
            return folder
    raise InternalError("the data about platforms is missing", hint="install bakex again")


def documents(folder: Path) -> list[Document]:
    """Return the data files of a folder in the order of their names; none if it is not there.

    Raises:
        ConfigError: One cannot be read, or is no YAML.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
        return [parse(str(path), path.read_bytes()[: MAX_SIZE + 1]) for path in files]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            f"cannot read {error.filename or folder}",
            detail=f"{error.strerror}.",
            hint="make it a folder of readable files, or remove it",
        ) from None


def parse(name: str, data: bytes) -> Document:
    """Return what a file says, with the places.

    Raises:
        ConfigError: It is no YAML, or more than one document.
    """
    try:
        source = decode(name, data)
        roots = read(source)
    except SyntaxDefinitionError as error:
        raise ConfigError(
            error.summary,
            detail=error.detail,
            hint=error.hint,
            span=error.span,
            source=error.source,
        ) from None
    if len(roots) != 1:
        raise ConfigError(f"{name} holds {len(roots)} documents", hint="make it one document")
    root = roots[0]
    return Document(
        name=name, value=_value(root), place=lambda path: _place(root, path), source=source.text
    )


def _value(node: YamlNode) -> object:
    # The reader allows 64 levels, so this recursion is bounded.
    if isinstance(node, Mapping):
        return {key: _value(value) for key, value in node}
    if isinstance(node, Sequence):
        return [_value(item) for item in node.items]
    return cast("Scalar", node).value


def _place(root: YamlNode, path: Place) -> tuple[Span, Span] | None:
    key: YamlNode = root
    node: YamlNode = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
            key, node = node.entries[step]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            key = node = node.items[step]
        else:
            return None
    return key.span, node.span

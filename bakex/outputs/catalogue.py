"""Which exporter makes which type of output; imported when it is needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from bakex._util.suggest import closest
from bakex.errors import UnsupportedOutputError

if TYPE_CHECKING:
    from bakex.interfaces import Exporter

EXPORTERS = {
    "cacheonly": "bakex.outputs.cacheonly:CacheOnlyExporter",
    "docker": "bakex.outputs.docker:DockerExporter",
    "image": "bakex.outputs.image:ImageExporter",
    "local": "bakex.outputs.local:LocalExporter",
    "oci": "bakex.outputs.oci:OciExporter",
    "registry": "bakex.outputs.image:ImageExporter",
    "tar": "bakex.outputs.tar:TarExporter",
}


def exporter(kind: str) -> Exporter:
    """Return the exporter for a type of output.

    Raises:
        UnsupportedOutputError: There is no such type.
    """
    try:
        module, _, name = EXPORTERS[kind].partition(":")
    except KeyError:
        near = closest(kind, EXPORTERS)
        known = f"write one of {', '.join(EXPORTERS)}"
        raise UnsupportedOutputError(
            f"unknown output type {kind!r}", hint=f"did you mean {near!r}?" if near else known
        ) from None
    return cast("Exporter", getattr(importlib.import_module(module), name)())

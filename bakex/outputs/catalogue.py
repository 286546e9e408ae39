"""Output types and their exporters."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex.errors import UnsupportedOutputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.interfaces import Exporter

EXPORTERS: Mapping[str, str] = MappingProxyType(
    {
        "image": "bakex.outputs.image:ImageExporter",
        "registry": "bakex.outputs.image:ImageExporter",
        "oci": "bakex.outputs.oci:OciExporter",
        "docker": "bakex.outputs.docker:DockerExporter",
        "local": "bakex.outputs.local:LocalExporter",
        "tar": "bakex.outputs.local:TarExporter",
        "cacheonly": "bakex.outputs.local:CacheOnlyExporter",
    }
)


def exporter(kind: str) -> Exporter:
    """Return the exporter of an output type.

    Raises:
        UnsupportedOutputError: There is no such type.
    """
    if kind not in EXPORTERS:
        raise UnsupportedOutputError(
            f"unknown output type {kind!r}", hint=f"use one of {', '.join(EXPORTERS)}"
        )
    module, _, name = EXPORTERS[kind].partition(":")
    return cast("Exporter", getattr(import_module(module), name)())

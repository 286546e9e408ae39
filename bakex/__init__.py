"""Multi-platform image builds from bake files.

    import bakex

    settings = bakex.load_settings()
    resolution = bakex.define(settings, files=["docker-bake.hcl"], targets=["app"])

    async with bakex.Client.open(settings, events=bakex.EventStream()) as client:
        print(client.plan(resolution))
        report = await client.bake(resolution)
    print(report["app"].root)

The same without async: `bakex.sync.bake`. Everything public is importable from here; nothing heavy
is loaded until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex._version import __version__ as __version__

if TYPE_CHECKING:
    from bakex.api.client import Client as Client
    from bakex.api.definition import define as define
    from bakex.bake.resolve import Resolution as Resolution
    from bakex.config import Settings as Settings
    from bakex.config import load as load_settings
    from bakex.errors import BakexError as BakexError
    from bakex.errors import RunFailedError as RunFailedError
    from bakex.model.descriptor import Descriptor as Descriptor
    from bakex.model.digest import Digest as Digest
    from bakex.model.plan import Plan as Plan
    from bakex.model.platform import Platform as Platform
    from bakex.model.publication import Report as Report
    from bakex.model.reference import Reference as Reference
    from bakex.model.target import Target as Target
    from bakex.progress.stream import EventStream as EventStream

_HOMES = {
    "BakexError": "bakex.errors",
    "Client": "bakex.api.client",
    "Descriptor": "bakex.model.descriptor",
    "Digest": "bakex.model.digest",
    "EventStream": "bakex.progress.stream",
    "Plan": "bakex.model.plan",
    "Platform": "bakex.model.platform",
    "Reference": "bakex.model.reference",
    "Report": "bakex.model.publication",
    "Resolution": "bakex.bake.resolve",
    "RunFailedError": "bakex.errors",
    "Settings": "bakex.config",
    "Target": "bakex.model.target",
    "define": "bakex.api.definition",
    "load_settings": "bakex.config:load",
}

__all__ = [
    "BakexError",
    "Client",
    "Descriptor",
    "Digest",
    "EventStream",
    "Plan",
    "Platform",
    "Reference",
    "Report",
    "Resolution",
    "RunFailedError",
    "Settings",
    "Target",
    "__version__",
    "define",
    "load_settings",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bakex' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - start-up budget

    module, _, attribute = _HOMES[name].partition(":")
    value: object = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

"""The composition root: the only package that knows every stage.

`define` turns bake files into targets; `Client` plans and runs them. Names load on first use, so
that reading a bake file does not pay for the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.api.client import Client as Client
    from bakex.api.definition import check as check
    from bakex.api.definition import define as define
    from bakex.api.definition import read as read
    from bakex.api.engine import private_engine as private_engine

__all__ = ["Client", "check", "define", "private_engine", "read"]

_HOMES = {
    "Client": "bakex.api.client",
    "check": "bakex.api.definition",
    "define": "bakex.api.definition",
    "read": "bakex.api.definition",
    "private_engine": "bakex.api.engine",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bakex.api' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - start-up budget

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value

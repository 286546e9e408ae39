"""Contexts as paths: relative to the file that names them, where that is asked for.

Source: spec/bake-file 1.5.
"""

from __future__ import annotations

import posixpath

from bakex.bake.links import is_link
from bakex.model.remote import is_remote

_KEPT = ("/", "cwd://", "docker-image:", "oci-layout://")


def rebased(path: str, base: str) -> str:
    """Return a context relative to a directory, unless it is absolute or no path at all."""
    if path.startswith(_KEPT) or is_link(path) or is_remote(path):
        return path
    return posixpath.normpath(posixpath.join(base, path))

"""Multi-platform image builds from bake files.

Everything public is importable from here; nothing heavy is loaded until it is used.
"""

from __future__ import annotations

from bakex._version import __version__ as __version__

__all__ = ["__version__"]

"""Bake files to targets: reading, evaluating, selecting. No daemon and no network."""

from __future__ import annotations

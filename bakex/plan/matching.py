"""Which platforms a node can build, and how: exactly, or as a compatible older variant.

An ARMv7 processor runs ARMv6 code, an x86-64-v3 one runs v2 code; the reverse is an error that only
shows on the device, so it is refused here. Rules: containerd platforms/compare.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.platform import Platform

if TYPE_CHECKING:
    from bakex.model.node import NodeInfo, Speed

# Newest first: hardware of one entry runs code of every later one.
_VARIANTS = {
    "arm": ("v8", "v7", "v6", "v5"),
    "amd64": ("v4", "v3", "v2", ""),
}


def speed(node: NodeInfo, platform: Platform) -> Speed | None:
    """Return how a node runs a platform's code; None if it cannot."""
    for candidate in (platform, *_newer(platform), *_wider(platform)):
        if (found := node.platforms.get(candidate)) is not None:
            return found
    return None


def _newer(platform: Platform) -> tuple[Platform, ...]:
    variants = _VARIANTS.get(platform.architecture, ())
    if platform.variant not in variants:
        return ()
    newer = variants[: variants.index(platform.variant)]
    # Nearest first, so that what is reported is the closest match.
    return tuple(Platform(platform.os, platform.architecture, v) for v in reversed(newer))


def _wider(platform: Platform) -> tuple[Platform, ...]:
    """Return what includes a platform: an arm64 stands for arm as well.

    BuildKit up to at least 0.13 leaves arm out of a worker's list where arm64 is in it, emulated or
    not, because it compares platforms with this rule (worker.Platforms); buildx places by it, too.
    That arm is missing therefore says nothing.
    """
    if platform.architecture != "arm" or platform.variant not in _VARIANTS["arm"]:
        return ()
    return (Platform.of(platform.os, "arm64"),)

"""Which platforms a node can build, and how: exactly, or as a compatible older variant.

An ARMv7 processor runs ARMv6 code, an x86-64-v3 one runs v2 code; the reverse is an error that only
shows on the device, so it is refused here. Which processor runs what is said by `Platform.runs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.model.node import NodeInfo, Speed
    from bakex.model.platform import Platform


def speed(node: NodeInfo, platform: Platform) -> Speed | None:
    """Return how a node runs a platform's code; None if it cannot, or is not used for it."""
    if node.terms.only and platform not in node.terms.only:
        return None
    if (exact := node.platforms.get(platform)) is not None:
        return exact
    able = [own for own in node.platforms if _stands_for(own, platform)]
    if not able:
        return None

    def distance(own: Platform) -> tuple[bool, int]:
        # Of several, the nearest is the one that runs the fewest of the others.
        return own.architecture != platform.architecture, sum(own.runs(other) for other in able)

    return node.platforms[min(able, key=distance)]


def _stands_for(listed: Platform, platform: Platform) -> bool:
    """Return whether a node that lists the one platform builds the other as well.

    BuildKit up to at least 0.13 leaves arm out of a worker's list where arm64 is in it, emulated or
    not, because it compares platforms with this rule (worker.Platforms); buildx places by it, too.
    That arm is missing therefore says nothing. It does list 386 where the kernel runs it, and an
    emulator of amd64 does not.
    """
    foreign = listed.architecture != platform.architecture
    return listed.runs(platform) and not (foreign and platform.architecture == "386")

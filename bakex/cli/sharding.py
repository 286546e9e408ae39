"""What a run records of itself, and, for a shard, which part of the whole it builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.cli.recording import Recording

if TYPE_CHECKING:
    from bakex.bake.resolve import Resolution
    from bakex.cli.seam import Selecting
    from bakex.model.publication import PublishPolicy


def recording(
    resolution: Resolution,
    given: Selecting,
    publishing: PublishPolicy,
    shard: str,
    result: str,
) -> tuple[Resolution, Recording]:
    """Return what is to be built, and what the record says beside what becomes of it.

    Args:
        resolution: The whole.
        given: What it was resolved from.
        publishing: How it is published.
        shard: The option; empty for the whole.
        result: Another file for the record; empty for none.

    Raises:
        UsageError: No such shard.
        UnsupportedOutputError: A target has outputs that shards cannot have.
    """
    if not shard:
        whole = Recording(
            resolution=resolution, selecting=given, publishing=publishing, result=result
        )
        return resolution, whole
    from bakex.api import shards  # noqa: PLC0415 - only for --shard

    platforms = shards.parse(shard)
    part = Recording(
        resolution=resolution,
        selecting=given,
        publishing=publishing,
        shard=platforms,
        result=result,
    )
    return shards.shard(resolution, platforms), part

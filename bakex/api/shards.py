"""Parts of a bake: some of its platforms, built by a job of their own and merged with the others'.

A shard has its images pushed by digest and does nothing else: no tag moves, nothing is written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.bake.links import linked, narrow, narrowed
from bakex.errors import DefinitionError, UnsupportedOutputError, UsageError
from bakex.model.platform import Platform, named, split_platforms
from bakex.outputs.image import destinations, lacks_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bakex.bake.resolve import Resolution
    from bakex.model.outputs import Output
    from bakex.model.target import Target

_KEY = "platform"


def parse(text: str) -> tuple[Platform, ...]:
    """Read ``platform=OS/ARCH[,OS/ARCH]...``.

    Raises:
        UsageError: Not of that form.
    """
    key, _, value = text.partition("=")
    words = [word.strip() for word in value.split(",")]
    try:
        found = [named(word) for word in words if word]
    except DefinitionError as error:
        raise UsageError(f"--shard: {error.summary}", hint=error.hint) from None
    platforms = tuple(dict.fromkeys(item for item in found if item is not None))
    if key != _KEY or len(found) < len(words) or None in found:
        raise UsageError(
            f"invalid --shard {text!r}", hint="write --shard platform=linux/arm64,linux/arm/v7"
        )
    return platforms


def shard(resolution: Resolution, platforms: Sequence[Platform]) -> Resolution:
    """Return what a shard builds: the targets for its platforms, and what these are built on.

    Args:
        resolution: The whole.
        platforms: Of the shard; those that no target is built for are ignored if there are others.

    Raises:
        UsageError: No target is built for any of the platforms, or one names no platform.
        UnsupportedOutputError: A target has another output than a push.
    """
    targets = dict(resolution.targets)
    requested: list[str] = []
    for name in resolution.requested:
        target = targets[name]
        kept = [word for word in words_of(target) if Platform.parse(word) in platforms]
        if kept:
            _check_outputs(target)
            targets[name] = narrowed(target, kept)
            requested.append(name)
    if not requested:
        raise UsageError(
            f"no target is built for {', '.join(map(str, platforms))}",
            hint=f"the platforms are {', '.join(map(str, platforms_of(resolution)))}",
        )
    gates = [gate for name in requested for gate in targets[name].publish_requires]
    needed = _closure(targets, [*requested, *gates])
    kept_targets = {name: target for name, target in targets.items() if name in needed}
    narrow(kept_targets, (*requested, *gates), (*requested, *gates))
    return replace(resolution, targets=kept_targets, requested=tuple(requested))


def platforms_of(resolution: Resolution) -> tuple[Platform, ...]:
    """Return the platforms of the targets that are asked for, in the order of their appearance.

    Raises:
        UsageError: A target names none, so that it depends on the node which it is.
    """
    words = [word for name in resolution.requested for word in words_of(resolution.targets[name])]
    return tuple(dict.fromkeys(map(Platform.parse, words)))


def words_of(target: Target) -> tuple[str, ...]:
    """Return the platforms of a target as it lists them.

    Raises:
        UsageError: It has none, or one that only a node can tell.
    """
    words = split_platforms(target.platforms)
    if words and all(named(word) is not None for word in words):
        return words
    raise UsageError(
        f"target {target.name!r} does not name its platforms, so it belongs to no shard",
        hint=f"write platforms = [...] in target {target.name!r}, or bake it by itself",
    )


def _closure(targets: dict[str, Target], names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    front = list(names)
    while front:
        name = front.pop()
        if name not in found:
            found.add(name)
            front.extend(linked(targets[name]))
    return found


def _check_outputs(target: Target) -> None:
    if not target.output:
        raise _refused(target, "it has no output", "add --push")
    for output in target.output:
        if not _is_push(target, output):
            raise _refused(target, f"its output {output.format()!r} is none", "add --push")


def _is_push(target: Target, output: Output) -> bool:
    return (
        output.type == "cacheonly"
        or lacks_name(target, output)
        or bool(destinations(target, output))
    )


def _refused(target: Target, why: str, hint: str) -> UnsupportedOutputError:
    return UnsupportedOutputError(
        f"target {target.name!r} cannot be built in shards",
        detail=f"A shard pushes by digest and does nothing else; {why}.",
        hint=hint,
    )

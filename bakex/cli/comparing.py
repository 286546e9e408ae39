"""What differs between images, in words and in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from bakex.cli.keeping import lines
from bakex.errors import UsageError
from bakex.model.difference import ADDED, EQUAL, REMOVED
from bakex.progress.text import clean, count, cut, size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from bakex.api.images import Images
    from bakex.model.difference import (
        Change,
        Comparison,
        FileDifference,
        ImageDifference,
        LayerDifference,
        LayerSide,
    )

DIFFERENT = 7  # the exit code of commands that found a difference; docs/errors.md has them all
_EVERY = 1 << 62
_LINE = 100  # columns
_VALUE = 160
_STEP = 100
_NOTHING = "(nothing)"
_SIGNS = {ADDED: "+", REMOVED: "-"}


def files_to_tell(number: int) -> int:
    """Return how many files to tell of; 0 on the command line is for all.

    Raises:
        UsageError: It is no such number.
    """
    if number < 0:
        raise UsageError(f"--max-files {number}: there is no such number of files")
    return number or _EVERY


def compared(
    a: str, b: str, *, files: int, attestations: bool
) -> Callable[[Images], Awaitable[Comparison]]:
    """Return the job that compares two images."""

    async def job(images: Images) -> Comparison:
        from bakex.api.comparison import diff  # noqa: PLC0415 - only here

        return await diff(images, a, b, files=files, attestations=attestations)

    return job


def answer(comparison: Comparison, *, as_json: bool) -> str:
    """Return a comparison as text or as a JSON document."""
    if as_json:
        return json.dumps(comparison.to_json(), indent=2) + "\n"
    return lines(_told(comparison))


def _told(comparison: Comparison) -> Iterator[str]:
    for side, (name, digest) in (("a", comparison.a), ("b", comparison.b)):
        yield f"{side}: {name} {digest}"
    yield ""
    yield from told_images(comparison)
    yield ""
    differ = sum(image.status != EQUAL for image in comparison.images)
    if comparison.is_equal:
        yield "no difference" if comparison.attested else "no difference, attestations left aside"
    elif differ:
        what = "image" if comparison.attested else "platform"
        yield f"{differ} of {count(len(comparison.images), what)} differ{'s' * (differ == 1)}"
    else:
        yield "the images are equal, what the indexes say about them is not"


def told_images(comparison: Comparison) -> Iterator[str]:
    """Yield lines about the indexes and each platform."""
    if comparison.index:
        yield "index"
        yield from _changes(comparison.index, "  ")
    for image in comparison.images:
        yield from _image(image)


def _image(image: ImageDifference) -> Iterator[str]:
    if image.status == EQUAL:
        yield f"{image.name}: equal, {image.a}"
        return
    if image.status in _SIGNS:
        side = "b" if image.status == ADDED else "a"
        yield f"{image.name}: only in {side}, {image.b or image.a}"
        return
    yield image.name
    for title, changes in (("manifest", image.manifest), ("config", image.config)):
        if changes:
            yield f"  {title}"
            yield from _changes(changes, "    ")
    for layer in image.layers:
        yield from _layer(layer, image.of)
    if not (image.manifest or image.config or image.layers):
        yield "  the documents differ in their form only"


def _layer(layer: LayerDifference, of: int) -> Iterator[str]:
    yield f"  layer {layer.side.number} of {of}{_maker(layer.side)}"
    if layer.a is None or layer.b is None:
        yield f"    only in {'b' if layer.a is None else 'a'}: {_blob(layer.side)}"
        return
    yield f"    a: {_blob(layer.a)}"
    yield f"    b: {_blob(layer.b)}"
    if layer.status == "compression":
        kinds = [_ending(side.media_type) for side in (layer.a, layer.b)]
        yield (
            "    only the compression differs"
            f"{f' ({kinds[0]}, {kinds[1]})' if kinds[0] != kinds[1] else ''}:"
            f" both unpack to {layer.a.diff_id}"
        )
    for file in layer.files:
        yield from _file(file)
    missing = sum(layer.counts.values()) - len(layer.files)
    if missing:
        yield f"    and {count(missing, 'file')} more; --max-files 0 tells of all"
    if layer.moved is not None:
        yield (
            f"    the entries are in another order: /{layer.moved.path} is number"
            f" {layer.moved.a} in a, {layer.moved.b} in b"
        )
    yield from _changes(layer.changes, "    ")
    yield from (f"    {note}" for note in layer.notes)


def _file(file: FileDifference) -> Iterator[str]:
    if file.a is None or file.b is None:
        state = file.a or file.b or {}
        yield f"    {_SIGNS[file.status]} /{file.path} ({_summary(state)})"
        return
    yield f"    ~ /{file.path}"
    for key in file.differs:
        yield from _differing(key, file.a.get(key), file.b.get(key), "        ")


def _summary(state: Mapping[str, object]) -> str:
    words = [str(state["type"]), str(state["mode"]), f"{state['uid']}:{state['gid']}"]
    if "size" in state:
        words.append(size(cast("int", state["size"])))
    if "link" in state:
        words.append(f"to {state['link']}")
    return " ".join(words)


def _changes(changes: Iterable[Change], indent: str) -> Iterator[str]:
    for change in changes:
        yield from _differing(change.field, change.a, change.b, indent)


def _differing(what: str, a: object, b: object, indent: str) -> Iterator[str]:
    left, right = _value(a), _value(b)
    line = f"{indent}{what}: {left} -> {right}"
    if len(line) <= _LINE:
        yield line
        return
    yield f"{indent}{what}"
    yield f"{indent}  a: {left}"
    yield f"{indent}  b: {right}"


def _value(value: object) -> str:
    if value is None:
        return _NOTHING
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return cut(clean(" ".join(text.split(" "))), _VALUE)


def _maker(side: LayerSide) -> str:
    step = cut(clean(" ".join(side.created_by.split())), _STEP)
    return f": {step}" if step else ""


def _blob(side: LayerSide) -> str:
    return f"{side.digest} {size(side.size)}"


def _ending(media_type: str) -> str:
    """Return the compression that a media type names."""
    for kind in ("gzip", "zstd"):
        if media_type.endswith(kind):
            return kind
    return "none" if media_type.endswith("tar") else media_type

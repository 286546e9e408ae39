"""Why a build gives something else the second time: the usual suspects, by what differs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from bakex.model.difference import CHANGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bakex.model.difference import Comparison, FileDifference, ImageDifference, LayerDifference

_TIME = re.compile(
    rb"\b[12][0-9]{3}-[01][0-9]-[0-3][0-9](?=\b|T)"
    rb"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +[0-9]{1,2}\b"
    rb"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\b"
    rb"|\b[0-9]{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b"
    rb"|(?<![0-9])[0-2]?[0-9]:[0-5][0-9](?::[0-6][0-9](?:\.[0-9]+)?)?(?: [AP]M)?"
    rb"|\b1[5-9][0-9]{8}(?:\.?[0-9]{3,9})?\b"  # seconds since 1970, from 2017 on
)
_HISTORY_TIME = re.compile(r"created|history\[[0-9]+\]\.created")
_METADATA = frozenset(
    {"mode", "uid", "gid", "user", "group", "xattrs", "pax", "type", "device", "link"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A likely cause.

    Attributes:
        kind: What it is, in a word that stays.
        summary: What was seen.
        hint: What to do about it.
        where: The first file or field that shows it.
    """

    kind: str
    summary: str
    hint: str
    where: str

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "kind": self.kind,
            "summary": self.summary,
            "hint": self.hint,
            "where": self.where,
        }


_PATHS = (
    (
        ("*.pyc", "*.pyo"),
        "bytecode",
        "Python's bytecode has the times of its sources in it",
        "set PYTHONDONTWRITEBYTECODE=1, or compile with --invalidation-mode unchecked-hash",
    ),
    (
        ("var/log/*", "*.log"),
        "log",
        "a log has the times of its build in it",
        "remove it in the step that writes it",
    ),
    (
        ("var/cache/*", "var/lib/apt/*", "var/lib/dpkg/*-old", "*/.cache/*", "*/.npm/*"),
        "cache",
        "a cache of a tool differs",
        "put it on a cache mount (RUN --mount=type=cache), or remove it in the step that fills it",
    ),
    (
        ("etc/machine-id", "*/ssh_host_*_key*", "*.key", "*.pem", "*/random-seed"),
        "random",
        "something is made at random in every build",
        "make it when the container starts, or hand it in as a file",
    ),
    (
        ("*.a", "*.jar", "*.war", "*.zip", "*.whl", "*.gz", "*.tgz", "*.tar", "*.xz", "*.deb"),
        "archive",
        "an archive has the times of its files in it",
        "let the tool use SOURCE_DATE_EPOCH, or give it fixed times: gzip -n, ar D, tar --mtime",
    ),
)


def suspects(comparison: Comparison, *, epoch: bool, rewrites: bool) -> tuple[Suspect, ...]:
    """Return likely causes of what differs, each kind once, in the order in which they were seen.

    Args:
        comparison: Two builds of one target.
        epoch: Whether the builds had a SOURCE_DATE_EPOCH.
        rewrites: Whether the output has ``rewrite-timestamp=true``.
    """
    found: dict[str, Suspect] = {}
    for image in comparison.images:
        if image.status == CHANGED:
            for suspect in _image(image, _times(epoch=epoch, rewrites=rewrites)):
                found.setdefault(suspect.kind, suspect)
    return tuple(found.values())


def _times(*, epoch: bool, rewrites: bool) -> str:
    """Return what there is to do about times of files and of the image."""
    missing = [
        *([] if epoch else ["set SOURCE_DATE_EPOCH, in the environment or among the args"]),
        *([] if rewrites else ["add rewrite-timestamp=true to the target's output"]),
    ]
    return ", and ".join(missing) or "look for what sets the time of this file in a later step"


def _image(image: ImageDifference, times: str) -> Iterator[Suspect]:
    for layer in image.layers:
        yield from _layer(layer, times)
    for change in image.config:
        if _HISTORY_TIME.fullmatch(change.field):
            yield Suspect(
                kind="image-time",
                summary="the image has the time of its build in it",
                hint="set SOURCE_DATE_EPOCH, in the environment or among the args",
                where=change.field,
            )
        else:
            yield Suspect(
                kind="config",
                summary="the config differs",
                hint="look at the instruction, or the build argument, that this comes from",
                where=change.field,
            )
    for change in image.manifest:
        yield Suspect(
            kind="manifest",
            summary="the manifest differs",
            hint="look at the annotations of the target, and at the versions of the nodes",
            where=change.field,
        )


def _layer(layer: LayerDifference, times: str) -> Iterator[Suspect]:
    where = f"layer {layer.side.number}"
    if layer.a is None or layer.b is None:
        yield Suspect(
            kind="layers",
            summary="one build made a layer that the other one did not make",
            hint="look whether a base image, or what an instruction fetches, has changed meanwhile",
            where=where,
        )
        return
    if layer.status == "compression" or layer.notes:
        yield Suspect(
            kind="compression",
            summary="the files are the same, and are packed in another way",
            hint="build on nodes of one version, or set compression and compression-level",
            where=where,
        )
    for file in layer.files:
        yield _file(file, times)
    if layer.moved is not None:
        yield Suspect(
            kind="order",
            summary="the files are in another order",
            hint="sort what the step goes through: directories are listed in any order",
            where=f"/{layer.moved.path}",
        )


def _file(file: FileDifference, times: str) -> Suspect:
    differs = set(file.differs)
    if file.status != CHANGED:
        return Suspect(
            kind="names",
            summary="there are files that only one build has",
            hint="look for names that are made at random, or by the time, and for what is fetched",
            where=f"/{file.path}",
        )
    if differs == {"modified"}:
        return Suspect(
            kind="file-time",
            summary="files have the time of their build",
            hint=times,
            where=f"/{file.path}",
        )
    if differs - {"modified"} <= _METADATA:
        return Suspect(
            kind="metadata",
            summary=f"files differ in {', '.join(sorted(differs - {'modified'}))}",
            hint="set it in the step: with chmod, chown, or COPY --chmod and --chown",
            where=f"/{file.path}",
        )
    return _content(file)


def _content(file: FileDifference) -> Suspect:
    for patterns, kind, summary, hint in _PATHS:
        if any(fnmatchcase(file.path, pattern) for pattern in patterns):
            return Suspect(kind=kind, summary=summary, hint=hint, where=f"/{file.path}")
    a, b = file.heads
    if a != b and _TIME.sub(b"", a) == _TIME.sub(b"", b):
        return Suspect(
            kind="embedded-time",
            summary="a file has a time in it",
            hint="let the step use SOURCE_DATE_EPOCH (ARG SOURCE_DATE_EPOCH) instead of the clock",
            where=f"/{file.path}",
        )
    return Suspect(
        kind="content",
        summary="a file has another content",
        hint="look for random numbers, for the order in which something is gone through, for the"
        " number of processors, and for what is fetched",
        where=f"/{file.path}",
    )

"""What a failed solve means to the user: which step, which line, why, and what to do next.

The daemon's answer has a text and, since BuildKit 0.8.1, details: a ``google.rpc.Status`` whose
``Any`` values are JSON. The details say which step and which lines of the Dockerfile; the text is
all there is to tell one cause from another. Source: buildkit solver/errdefs, util/grpcerrors.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from google.protobuf.message import DecodeError
from grpclib.const import Status

from bakex._pb import bk_pb2 as pb
from bakex.diagnostics import Span
from bakex.engines.buildkit.causes import CAUSES, clean
from bakex.engines.buildkit.emulation import FORMAT, recognise
from bakex.errors import BuildError, CapabilityError, NodeLostError, StepFailedError

if TYPE_CHECKING:
    from bakex.engines.buildkit.emulation import Finding
    from bakex.engines.buildkit.recipe import Recipe
    from bakex.engines.buildkit.status import StatusFold
    from bakex.engines.buildkit.transport import RpcError
    from bakex.errors import BakexError
    from bakex.model.node import Endpoint
    from bakex.model.plan import Cell
    from bakex.model.platform import Platform

_EXIT = re.compile(
    # The second of each is what BuildKit 0.8 says, that of dockerd 20.10.
    r'(?:process "|executor failed running \[)(?P<command>.*)'
    r'(?:" did not complete successfully|\]): exit code: (?P<code>\d+)',
    re.DOTALL,
)
_LOST = re.compile(r"no active session for|transport is closing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What the details of a failed call tell.

    Attributes:
        step: Digest of the failing step; empty if unknown.
        filename: Name of the source file, as the daemon knows it.
        source: Its text.
        lines: First and last line, from 1; zeros if unknown.
        exit_code: Of the failed command; None if no command failed.
    """

    step: str = ""
    filename: str = ""
    source: str = ""
    lines: tuple[int, int] = (0, 0)
    exit_code: int | None = None


def parse_details(encoded: bytes) -> Details:
    """Read ``grpc-status-details-bin``; whatever is not understood is left out."""
    try:
        details = pb.Status.FromString(encoded).details
    except DecodeError:
        return Details()
    step, filename, source, lines, code = "", "", "", (0, 0), None
    for detail in details:
        kind = detail.type_url.rpartition("/")[2]
        fields = _json(detail.value)
        if kind == "errdefs.Vertex+json":
            step = step or str(fields.get("digest", ""))
        elif kind == "errdefs.Source+json":
            filename, source, lines = _source(fields)
        elif kind.endswith("ExitMessage+json") and isinstance(fields.get("Code"), int):
            code = cast("int", fields["Code"])
    return Details(step=step, filename=filename, source=source, lines=lines, exit_code=code)


def _source(fields: dict[str, object]) -> tuple[str, str, tuple[int, int]]:
    info = _object(fields.get("info"))
    try:
        text = base64.b64decode(str(info.get("data", ""))).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        text = ""
    ranges = fields.get("ranges")
    first = _object(cast("list[object]", ranges)[0]) if isinstance(ranges, list) and ranges else {}
    start, end = (_object(first.get(key)).get("line") for key in ("start", "end"))
    lines = (start, end) if isinstance(start, int) and isinstance(end, int) else (0, 0)
    return str(info.get("filename", "")), text, lines


def _json(value: bytes) -> dict[str, object]:
    try:
        return _object(json.loads(value))
    except ValueError:
        return {}


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def explain(
    error: RpcError, *, cell: Cell, recipe: Recipe, endpoint: Endpoint, fold: StatusFold
) -> BakexError:
    """Return the error to show for a solve that the daemon ended with a status other than OK."""
    message = clean(error.message)
    if error.status is Status.UNAVAILABLE or _LOST.search(message):
        return NodeLostError(
            f"{endpoint.name} ({endpoint.address}) lost the build of {cell.id}",
            detail=_sentence(message),
            hint="look at the daemon's log",
        )
    if error.status is Status.UNIMPLEMENTED:
        return CapabilityError(
            f"{endpoint.name} lacks something that the build of {cell.id} needs",
            detail=_sentence(message),
            hint="use a newer daemon",
        )
    details = parse_details(error.details)
    span, source = _place(details, recipe)
    if found := _EXIT.search(message):
        return _step(found, details, cell, fold, span, source)
    for cause in CAUSES:
        if match := cause.pattern.search(message):
            kind = cause.error
            emulation = _emulation(kind, message, details, cell, fold)
            known = kind(
                f"{cell.id}: {cause.summary(match)}",
                detail="" if cause.complete else _sentence(message),
                hint=emulation.remedy if emulation else cause.hint(match),
            )
            known.span, known.source = span, source
            return known
    step = details.step or fold.failed
    where = f" in {fold.name(step)!r}" if fold.name(step) else ""
    return BuildError(
        f"{cell.id}: the build failed{where}",
        detail="\n".join([_sentence(message), *fold.tail(step)]),
        hint="" if step else "look at the daemon's log",
        span=span,
        source=source,
    )


def _step(
    found: re.Match[str],
    details: Details,
    cell: Cell,
    fold: StatusFold,
    span: Span | None,
    source: str,
) -> StepFailedError:
    step = details.step or fold.failed
    lines = fold.tail(step)
    command = " ".join(found["command"].split())
    code = int(found["code"]) if details.exit_code is None else details.exit_code
    platform, speed = fold.runs(step) or (cell.platform, cell.speed)
    emulation = recognise(lines, code=code, command=command, cell=cell, runs=(platform, speed))
    written = ["Its last output:", *lines] if lines else ["It wrote nothing."]
    return StepFailedError(
        f"{cell.id}: {_shortened(command)!r} ended with exit code {code}",
        detail="\n".join([_sentence(emulation.why), *written] if emulation else written),
        hint=emulation.remedy if emulation else _hint(code, lines, platform),
        span=span,
        source=source,
    )


def _emulation(
    kind: type[BakexError], message: str, details: Details, cell: Cell, fold: StatusFold
) -> Finding | None:
    """Return what is wrong with a step that could not even be started."""
    if kind is not StepFailedError:
        return None
    runs = fold.runs(details.step or fold.failed) or (cell.platform, cell.speed)
    return recognise([message], code=0, command="", cell=cell, runs=runs)


def _hint(code: int, lines: list[str], platform: Platform) -> str:
    if any(FORMAT in line for line in lines):
        return f"check that the programs in the image are for {platform}"
    if code == 127:
        return "a command was not found; check the image's PATH and contents"
    if code == 137:
        return "the step was killed; the node may be short of memory"
    return ""


def _place(details: Details, recipe: Recipe) -> tuple[Span | None, str]:
    first, last = details.lines
    if not first:
        return None, ""
    mine = details.filename in {"", recipe.attrs.get("filename", "Dockerfile")}
    name = recipe.dockerfile if mine else details.filename
    rows = details.source.splitlines()
    # The excerpt ends with the span's first line; the caret marks all of it.
    width = len(rows[first - 1]) + 1 if first <= len(rows) else 0
    end = (first, width) if first == last and width else (last, 0)
    return (
        Span(file=name, line=first, column=1, end_line=end[0], end_column=end[1]),
        details.source,
    )


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    # A first word with digits or signs in it is a name, which keeps its spelling.
    first = text[:1].upper() if text.split()[0].isalpha() else text[:1]
    return f"{first}{text[1:]}{'' if text.endswith('.') else '.'}"


def _shortened(command: str) -> str:
    command = command.removeprefix("/bin/sh -c ")
    return command if len(command) <= 80 else command[:77] + "..."

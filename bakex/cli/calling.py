"""What ``bakex bake --call`` prints on standard output: text, or one JSON document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from bakex.bake import show
from bakex.cli import answers
from bakex.cli.streams import put
from bakex.model.call import LINT, Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.resolve import Resolution
    from bakex.model.call import Answer


def present(resolution: Resolution, found: Mapping[str, Answer], option: str) -> int:
    """Print the answers and return the exit code: the first bad verdict, or 1 for a failure.

    Args:
        resolution: The targets, for their descriptions.
        found: The answers by target.
        option: The value of ``--call``; its format and tolerance go before those of the targets.
    """
    given = Call.parse(option)
    calls = {name: _call(resolution, name, given) for name in sorted(found)}
    if given.name and given.format == "json":
        put(_document(resolution, calls, found))
    else:
        put("\n".join(_section(resolution, name, calls[name], found[name]) for name in calls))
    for name in calls:
        if message := found[name].fields.get("frontend.result.inlinemessage"):
            put(f"\n# {name}\n{message}\n")
    codes = [code for name in calls if (code := _code(calls[name], found[name]))]
    return codes[0] if codes else 0


def _call(resolution: Resolution, name: str, given: Call) -> Call:
    own = Call.parse(resolution.targets[name].call or "")
    if not given.name:
        return own
    return Call(name=own.name, format=given.format, ignore_status=given.ignore_status)


def _code(call: Call, answer: Answer) -> int:
    if answers.failure(call, answer):
        return 1
    return 0 if call.ignore_status else answer.status


def _section(resolution: Resolution, name: str, call: Call, answer: Answer) -> str:
    description = resolution.targets[name].description
    head = f"{name}\n{description}\n\n" if description else f"{name}\n\n"
    failure = answers.failure(call, answer)
    return head + answers.text(call, answer) + (f"error: {failure}\n" if failure else "")


def _document(
    resolution: Resolution, calls: Mapping[str, Call], found: Mapping[str, Answer]
) -> str:
    document = show.document(resolution)
    targets: dict[str, object] = {}
    for name, target in cast("dict[str, object]", document["target"]).items():
        targets[name] = {"build": target}
        if name in calls:
            key = "check" if calls[name].name == LINT else calls[name].name
            targets[name] = {"build": target, key: _result(calls[name], found[name])}
    return show.to_json({**document, "target": targets}) + "\n"


def _result(call: Call, answer: Answer) -> dict[str, object]:
    """Return the frontend's document; keys sorted on the first level, as in the reference."""
    value: object = json.loads(answer.fields.get("result.json") or "{}")
    found = cast("dict[str, object]", value) if isinstance(value, dict) else {call.name: value}
    failure = answers.failure(call, answer)
    return dict(sorted({**found, **({"error": failure} if failure else {})}.items()))

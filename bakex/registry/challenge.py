"""``WWW-Authenticate`` headers (RFC 9110, 11.6.1; distribution's token specification)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar
_PARAMETER = re.compile(
    rf"\s*({_TOKEN})\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]*))\s*(?:,\s*|$)", re.DOTALL
)
_SCHEME = re.compile(rf"[\s,]*({_TOKEN})(?:\s+|,\s*|$)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PREFERENCE = ("bearer", "basic")


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a server wants to be convinced.

    Attributes:
        scheme: In lower case.
        parameters: Names in lower case.
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])


def parse(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all headers in order; what cannot be read ends its header."""
    found: list[Challenge] = []
    for value in values:
        found.extend(_parse_one(value))
    return found


def preferred(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the one to answer: Bearer if it was offered with a realm, otherwise Basic.

    A password is never sent to a registry that would have taken a token.
    """
    usable = [
        challenge
        for challenge in challenges
        if challenge.scheme in _PREFERENCE
        and (challenge.scheme != "bearer" or challenge.parameters.get("realm"))
    ]
    return min(usable, key=lambda c: _PREFERENCE.index(c.scheme), default=None)


def _parse_one(value: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(value):
        match = _PARAMETER.match(value, position) if found else None
        if match is not None:
            quoted, plain = match[2], match[3]
            text = _ESCAPE.sub(r"\1", quoted) if quoted is not None else plain
            found[-1][1].setdefault(match[1].lower(), text)
        else:
            match = _SCHEME.match(value, position)
            if match is None:
                break
            found.append((match[1].lower(), {}))
        position = match.end()
    return [Challenge(scheme, parameters) for scheme, parameters in found]

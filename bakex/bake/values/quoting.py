"""Strings in quotes, in the ways that values are printed."""

from __future__ import annotations

import re

_JSON_SPECIAL = re.compile(r'["\\\x00-\x1f<>&\u2028\u2029]')
_JSON_SHORT = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def quote_json(text: str) -> str:
    r"""Return a text as a JSON string, with ``<``, ``>`` and ``&`` as ``\u003c`` and so on.

    This is how Go's encoding/json writes strings, whose output ends up in labels and build
    arguments.
    """
    return f'"{_JSON_SPECIAL.sub(_json_escape, text)}"'


def _json_escape(match: re.Match[str]) -> str:
    char = match.group()
    return _JSON_SHORT.get(char) or f"\\u{ord(char):04x}"


_GO_SHORT = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def quote_go(text: str) -> str:
    """Return a text as Go's ``%q`` writes it; the order of some sets is that of such texts."""
    return f'"{"".join(map(_go_escape, text))}"'


def _go_escape(char: str) -> str:
    if char in _GO_SHORT:
        return _GO_SHORT[char]
    if char.isprintable():
        return char
    point = ord(char)
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"

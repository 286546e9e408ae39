"""The escapes of quoted strings."""

from __future__ import annotations

import re

from bakex.bake.hcl.faults import Fault

_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,4} | U[0-9a-fA-F]{0,8} | .) | \$\$\{ | %%\{", re.DOTALL | re.VERBOSE
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_DIGITS = {"u": 4, "U": 8}


def unescape_sequences(text: str) -> str:
    """Return a text with ``$${`` and ``%%{`` made ``${`` and ``%{``."""
    if "{" not in text:
        return text
    return text.replace("$${", "${").replace("%%{", "%{")


def unescape(text: str, offset: int) -> str:
    """Return the characters that the text of a quoted string stands for.

    Args:
        text: What is between the quotes, or a part of it.
        offset: Where that starts in the file.

    Raises:
        Fault: An escape does not exist.
    """
    if "\\" not in text and "{" not in text:
        return text
    return _ESCAPE.sub(lambda match: _character(match, offset), text)


def _character(match: re.Match[str], offset: int) -> str:
    escape = match.group()
    if escape[0] != "\\":
        return escape[1:]
    letter = escape[1]
    if letter in _SIMPLE:
        return _SIMPLE[letter]
    start, end = offset + match.start(), offset + match.end()
    if letter not in _DIGITS:
        raise Fault(
            f'unknown escape "{escape}" in a string',
            start,
            end,
            detail=r"The escapes are \n \r \t \" \\ \uNNNN and \UNNNNNNNN.",
            hint=r"write \\ for a backslash",
        )
    if len(escape) != _DIGITS[letter] + 2:
        raise Fault(
            f"incomplete escape \\{letter} in a string",
            start,
            end,
            detail=f"It needs {_DIGITS[letter]} hexadecimal digits.",
        )
    digits = escape.removeprefix(f"\\{letter}")
    point = int(digits, 16)
    if point > 0x10FFFF or 0xD800 <= point < 0xE000:
        raise Fault(f"U+{point:04X} is not a character", start, end, hint="use another code point")
    return chr(point)

"""Text for terminals: harmless, of a known width, and numbers for people.

What steps write is hostile until proven otherwise: a log may move the cursor, set the window's
title or reverse the reading direction. `clean` leaves nothing but characters that take up space.
"""

from __future__ import annotations

import re
import unicodedata

# ECMA-48 control sequences, then strings (OSC, DCS, PM, APC, SOS) up to their end, then two-byte
# escapes. An unterminated string swallows the line, as it would on a terminal.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]?"
)
# C0 and C1 controls, and the characters that change the direction of what follows (UAX #9).
_HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TAB = 8


def clean(text: str) -> str:
    """Return one line of text without anything that a terminal would obey; tabs are expanded.

    A carriage return means what it means on a screen: what follows it replaces what came before.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    text = _ESCAPES.sub("", text).expandtabs(_TAB)
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", text)


def decode(line: bytes) -> str:
    """Return a line of a log as harmless text; bytes that are not UTF-8 become U+FFFD."""
    return clean(line.decode(errors="replace"))


def width(text: str) -> int:
    """Return how many columns a terminal needs for clean text."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def cut(text: str, columns: int) -> str:
    """Return as much of clean text as fits; three dots at the end tell that some is missing."""
    if width(text) <= columns:
        return text
    dots = "..."[: max(0, columns)]
    left, kept = columns - len(dots), list[str]()
    for char in text:
        left -= _columns(char)
        if left < 0:
            break
        kept.append(char)
    return "".join(kept) + dots


def size(count: int) -> str:
    """Return a number of bytes in decimal units, as BuildKit writes it: ``1.20MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{count}B" if unit == "B" else f"{value:.2f}{unit}"
        value /= 1000
    return f"{value:.2f}TB"


def seconds(value: float) -> str:
    """Return a duration: ``1.2s``, ``3m05s``, ``1h02m``."""
    if value < 60:
        return f"{max(0.0, value):.1f}s"
    minutes, rest = divmod(int(value), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def count(number: int, noun: str) -> str:
    """Return a number with its noun in the right form: ``1 cell``, ``2 cells``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""Functions on text (specification section 2.15, "Strings")."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from bakex.bake.functions.arguments import whole
from bakex.bake.functions.function import FunctionError
from bakex.bake.values.graphemes import SPACE, clusters, length
from bakex.bake.values.limits import check_text, check_weight
from bakex.bake.values.value import Value, list_value, number, string
from bakex.bake.values.valuetype import STRING

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


def strings(texts: Iterable[str]) -> Value:
    """Return a list of strings."""
    return list_value(STRING, map(string, texts))


def _single(mapped: str, char: str) -> str:
    """Return a mapped character if it is one; mappings to several characters are not used."""
    return mapped if len(mapped) == 1 else char


def upper(text: Value) -> Value:
    """Return the text in upper case, character by character."""
    if text.text.isascii():
        return string(text.text.upper())
    return string("".join(_upper(char) for char in text.text))


def _upper(char: str) -> str:
    mapped = char.upper()
    return mapped if len(mapped) == 1 else _single(char.title(), char)


def lower(text: Value) -> Value:
    """Return the text in lower case, character by character."""
    if text.text.isascii():
        return string(text.text.lower())
    return string("".join(char.lower()[:1] for char in text.text))


def title(text: Value) -> Value:
    """Return the text with the first letter of every word in title case."""
    parts: list[str] = []
    previous = " "
    for char in text.text:
        parts.append(_single(char.title(), char) if _separates(previous) else char)
        previous = char
    return string("".join(parts))


def _separates(char: str) -> bool:
    if char < "\x80":
        return not (char.isalnum() or char == "_")
    return not char.isalnum() and char in SPACE


def reverse(text: Value) -> Value:
    """Return the text backwards; characters of several code points stay whole."""
    return string("".join(reversed(clusters(text.text))))


def strlen(text: Value) -> Value:
    """Return how many characters, as a reader sees them, a text has."""
    return number(length(text.text))


def substr(text: Value, offset: Value, count: Value) -> Value:
    """Return a part of a text, counted in characters as a reader sees them.

    A negative offset counts from the end. A negative count means the rest; so does 0 together with
    a negative offset, as in the reference.
    """
    start, size = whole(offset, 1, "offset"), whole(count, 2, "length")
    if start >= 0 and size == 0:
        return string("")
    parts = clusters(text.text)
    if start < 0:
        start = max(start + len(parts), 0)
    return string("".join(parts[start:] if size <= 0 else parts[start : start + size]))


def join(separator: Value, *lists: Value) -> Value:
    """Return the elements of all lists with a separator between them."""
    if not lists:
        raise FunctionError("at least one list is needed")
    texts: list[str] = []
    for at, items in enumerate(lists):
        for index, item in enumerate(items.items):
            if item.is_null:
                raise FunctionError(f"element {index} is null", at + 1)
            texts.append(item.text)
    check_text(sum(map(len, texts)) + len(separator.text) * len(texts))
    return string(separator.text.join(texts))


def split(separator: Value, text: Value) -> Value:
    """Return the parts of a text between separators; single characters for an empty one."""
    check_weight(text.text.count(separator.text))
    if not separator.text:
        return strings(text.text)
    return strings(text.text.split(separator.text))


def chomp(text: Value) -> Value:
    """Return the text without newlines at its end."""
    return string(text.text.rstrip("\r\n"))


def indent(spaces: Value, text: Value) -> Value:
    """Return the text with spaces behind every newline."""
    count = whole(spaces, 0, "spaces")
    if count < 0:
        raise FunctionError("the number of spaces cannot be negative", 0)
    check_text(len(text.text) + text.text.count("\n") * count)
    return string(text.text.replace("\n", "\n" + " " * count))


def trim(text: Value, cutset: Value) -> Value:
    """Return the text without any of some characters at both ends."""
    return string(text.text.strip(cutset.text) if cutset.text else text.text)


def trimspace(text: Value) -> Value:
    """Return the text without white space at both ends."""
    return string(text.text.strip(SPACE))


def trimprefix(text: Value, prefix: Value) -> Value:
    """Return the text without a prefix."""
    return string(text.text.removeprefix(prefix.text))


def trimsuffix(text: Value, suffix: Value) -> Value:
    """Return the text without a suffix."""
    return string(text.text.removesuffix(suffix.text))


def replace(text: Value, substr_: Value, replacement: Value) -> Value:
    """Return the text with every occurrence of another replaced."""
    found = text.text.count(substr_.text)
    check_text(len(text.text) + found * max(len(replacement.text) - len(substr_.text), 0))
    return string(text.text.replace(substr_.text, replacement.text))


def basename(path: Value) -> Value:
    """Return the last part of a path with slashes."""
    if not path.text:
        return string(".")
    stripped = path.text.rstrip("/")
    return string(stripped.rpartition("/")[2] if stripped else "/")


def dirname(path: Value) -> Value:
    """Return all but the last part of a path with slashes, cleaned."""
    head, slash, _ = path.text.rpartition("/")
    cleaned = posixpath.normpath(head + slash)
    # POSIX lets two slashes at the start mean something else than one; here they do not.
    return string(cleaned[1:] if cleaned.startswith("//") else cleaned)


def sanitize(name: Value) -> Value:
    """Return the name with ``_`` for everything but letters, digits, ``_`` and ``-``."""
    return string(_UNSAFE.sub("_", name.text))


def urlencode(text: Value) -> Value:
    """Return the text as part of the query of a URL."""
    encoded = "".join(
        chr(byte) if byte in _URL_SAFE else "+" if byte == 0x20 else f"%{byte:02X}"
        for byte in text.text.encode("utf-8", "replace")
    )
    return string(encoded)

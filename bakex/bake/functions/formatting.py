"""``format`` and ``formatlist`` (specification section 2.15.1; go-cty v1.17, format.go)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bakex.bake.functions.function import FunctionError
from bakex.bake.functions.strings import strings
from bakex.bake.values.convert import convert
from bakex.bake.values.graphemes import clusters, length
from bakex.bake.values.jsontext import to_json
from bakex.bake.values.limits import MAX_TEXT, check_text, check_weight
from bakex.bake.values.numbertext import fixed, general, scientific
from bakex.bake.values.problems import ConversionError, LimitError
from bakex.bake.values.quoting import quote_json
from bakex.bake.values.value import Value, string
from bakex.bake.values.valuetype import BOOL, ITERABLES, NUMBER, STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.bake.values.number import Number

_VERB = re.compile(
    r"%(?P<flags>[ +\-0#]*)(?P<width>[1-9][0-9]*)?(?P<precision>\.[0-9]*)?"
    r"(?:\[(?P<index>[1-9][0-9]*)\])?(?P<mode>[a-zA-Z])"
)
_BASES = {"b": (2, "0b"), "d": (10, ""), "o": (8, "0"), "x": (16, "0x"), "X": (16, "0X")}
_LARGEST = 7  # digits of a width or index: larger ones are beyond any limit


class Verb:
    """One ``%…`` of a format.

    Attributes:
        text: As it is written.
        offset: Where, counted from 0.
        flags: Its flags.
        width: The least number of characters; 0 for any.
        precision: Digits or characters; None for the default.
        index: Which argument, counted from 1; 0 for the next one.
        mode: The letter.
    """

    __slots__ = ("flags", "index", "mode", "offset", "precision", "text", "width")

    def __init__(self, match: re.Match[str]) -> None:
        self.text = match.group()
        self.offset = match.start()
        self.flags = frozenset(match["flags"])
        self.mode = match["mode"]
        self.width = _count(match["width"])
        precision = match["precision"]
        self.precision = None if precision is None else _count(precision[1:])
        self.index = _count(match["index"])

    def error(self, reason: str) -> FunctionError:
        """Return the error of an argument that does not fit."""
        return FunctionError(f'{reason}: "{self.text}" at offset {self.offset} of the format')


def _count(digits: str | None) -> int:
    if not digits:
        return 0
    if len(digits) > _LARGEST or int(digits) > MAX_TEXT:
        raise LimitError("a number in the format is too large")
    return int(digits)


def format_text(template: Value, *args: Value) -> Value:
    """Return a text with arguments put in."""
    return string(_format(_parse(template.text), args))


def formatlist(template: Value, *args: Value) -> Value:
    """Return one text per element of the lists among the arguments; others repeat."""
    pieces = _parse(template.text)
    lists = {at: arg.items for at, arg in enumerate(args) if _is_list(arg)}
    sizes = {len(items) for items in lists.values()}
    if len(sizes) > 1:
        shown = ", ".join(f"argument {at + 1} has {len(items)}" for at, items in lists.items())
        raise FunctionError("the lists must have the same number of elements", hint=shown)
    count = sizes.pop() if sizes else 1
    check_weight(count)
    texts: list[str] = []
    for turn in range(count):
        row = [lists[at][turn] if at in lists else arg for at, arg in enumerate(args)]
        texts.append(_format(pieces, row))
        check_text(len(texts) * len(texts[-1]))
    return strings(texts)


def _is_list(value: Value) -> bool:
    return value.kind in ITERABLES and not value.is_null


def _parse(text: str) -> list[str | Verb]:
    """Return a format as literal texts and verbs."""
    pieces: list[str | Verb] = []
    pos = 0
    while (at := text.find("%", pos)) >= 0:
        pieces.append(text[pos:at])
        if text.startswith("%%", at):
            pieces.append("%")
            pos = at + 2
            continue
        match = _VERB.match(text, at)
        if match is None:
            raise FunctionError(f'the format is invalid from "{text[at : at + 10]}" on', 0)
        pieces.append(Verb(match))
        pos = match.end()
    pieces.append(text[pos:])
    return pieces


def _format(pieces: Sequence[str | Verb], args: Sequence[Value]) -> str:
    parts: list[str] = []
    position = used = 0
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        position = piece.index or position + 1
        used = max(used, position)
        parts.append(_piece(piece, position, args))
    if used < len(args):
        what = f"only {used} used by the format" if used else "the format uses none"
        raise FunctionError(f"too many arguments; {what}", used + 1)
    check_text(sum(map(len, parts)))
    return "".join(parts)


def _piece(verb: Verb, position: int, args: Sequence[Value]) -> str:
    render = _MODES.get(verb.mode)
    if render is None:
        raise verb.error(f'there is no format "%{verb.mode}"')
    if position > len(args):
        raise verb.error(f"argument {position} is missing")
    value = args[position - 1]
    if value.is_null and verb.mode != "v":
        raise verb.error("null cannot be formatted")
    try:
        return render(verb, value)
    except ConversionError as error:
        raise verb.error(error.summary) from None


def _padded(verb: Verb, text: str) -> str:
    missing = verb.width - length(text)
    if missing <= 0:
        return text
    fill = ("0" if "0" in verb.flags else " ") * missing
    return text + fill if "-" in verb.flags else fill + text


def _sign(verb: Verb, *, negative: bool) -> str:
    if negative:
        return "-"
    return "+" if "+" in verb.flags else " " if " " in verb.flags else ""


def _any(verb: Verb, value: Value) -> str:
    if "#" not in verb.flags and not value.is_null:
        if value.kind == "string":
            return _padded(verb, value.text)
        if value.kind == "number":
            amount = value.number
            if amount.infinite:
                return _padded(verb, str(amount))
            return _padded(verb, ("-" if amount.negative else "") + general(amount))
    return _padded(verb, to_json(value))


def _bool(_: Verb, value: Value) -> str:
    return "true" if convert(value, BOOL).truth else "false"


def _text(verb: Verb, value: Value) -> str:
    text = convert(value, STRING).text
    if verb.precision is not None:
        text = "".join(clusters(text)[: verb.precision])
    return _padded(verb, text)


def _quoted(verb: Verb, value: Value) -> str:
    text = convert(value, STRING).text
    if verb.precision is not None:
        text = "".join(clusters(text)[: verb.precision])
    return _padded(verb, quote_json(text))


def _integer(verb: Verb, value: Value) -> str:
    amount = convert(value, NUMBER).number
    if not amount.is_whole:
        raise verb.error("a whole number is required")
    base, prefix = _BASES[verb.mode]
    digits = _digits(amount, base)
    if verb.mode == "X":
        digits = digits.upper()
    sign = _sign(verb, negative=amount.negative and not amount.is_zero)
    head = sign + (prefix if "#" in verb.flags else "")
    if verb.precision is not None:
        if amount.is_zero and not verb.precision:
            return ""
        digits = digits.rjust(verb.precision, "0")
    missing = verb.width - len(head) - len(digits)
    if missing <= 0:
        return head + digits
    if "-" in verb.flags:
        return head + digits + " " * missing
    if "0" in verb.flags and verb.precision is None:
        return head + "0" * missing + digits
    return " " * missing + head + digits


def _digits(amount: Number, base: int) -> str:
    if base == 10:
        return str(abs(amount))
    return format(abs(amount.truncate()), {2: "b", 8: "o", 16: "x"}[base])


def _float(verb: Verb, value: Value) -> str:
    amount = convert(value, NUMBER).number
    sign = _sign(verb, negative=amount.negative)
    if amount.infinite:
        digits, sign = "Inf", sign or "+"
    else:
        digits = _float_digits(verb, amount)
    missing = verb.width - len(sign) - len(digits)
    if missing <= 0:
        return sign + digits
    if "0" in verb.flags and not amount.infinite:
        return sign + "0" * missing + digits
    if "-" in verb.flags:
        return sign + digits + " " * missing
    return " " * missing + sign + digits


def _float_digits(verb: Verb, amount: Number) -> str:
    mark = "E" if verb.mode in "EG" else "e"
    if verb.mode in "gG":
        return general(amount, verb.precision, mark)
    places = 6 if verb.precision is None else verb.precision
    return scientific(amount, places, mark) if verb.mode in "eE" else fixed(amount, places)


_MODES: dict[str, Callable[[Verb, Value], str]] = {
    "v": _any,
    "t": _bool,
    "s": _text,
    "q": _quoted,
    **dict.fromkeys("bdoxX", _integer),
    **dict.fromkeys("eEfgG", _float),
}

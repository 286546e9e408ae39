"""The page docs/bake-reference.md: every attribute and function, out of the tables. Pure.

``make docs`` writes it; a test compares the two.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.bake import vocabulary
from bakex.bake.functions.examples import EXAMPLES, SILENT
from bakex.bake.functions.function import Context
from bakex.bake.functions.standard import LAZY_NAMES, STANDARD, STANDARD_NAMES, implementation
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.parser import parse_expression
from bakex.bake.hcl.source import Source
from bakex.bake.merge import ATTRIBUTES
from bakex.bake.values.jsontext import to_json
from bakex.bake.values.valuetype import ANY
from bakex.model import resources
from bakex.model.attributes import Merge, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bakex.bake.functions.function import Function, Parameter
    from bakex.bake.hcl.syntax import Traversal
    from bakex.bake.values.value import Value
    from bakex.bake.vocabulary import Word
    from bakex.model.attributes import Attr

_HEAD = """\
# Bake file reference

Every attribute of a bake file and every function. What files, blocks and expressions are is in
[bake-language.md](bake-language.md). This page is made by `make docs` from the tables in
`bakex/model/target.py`, `bakex/bake/vocabulary.py` and `bakex/bake/functions`: edit those.

*Extension* marks what only bakex understands; `--strict` refuses it. `bakex schema` prints the same
as a JSON Schema, for editors.
"""
_TYPES: Mapping[Shape, str] = MappingProxyType(
    {
        Shape.STRING: "string",
        Shape.BOOLEAN: "boolean",
        Shape.STRINGS: "list of strings",
        Shape.MAPPING: "map of strings",
        Shape.COMPOSITES: "list of strings or objects",
        Shape.OBJECT: "object",
    }
)
_MERGES: Mapping[Merge, str] = MappingProxyType(
    {
        Merge.REPLACE: "the later one replaces the earlier one",
        Merge.EXTEND: "earlier, then later; each once",
        Merge.APPEND: "earlier, then later; everything stays",
        Merge.UPDATE: "by key; the later one counts, in the place of the earlier one",
    }
)
_CLEARED = frozenset({Shape.STRINGS, Shape.COMPOSITES})
_LAZY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "can": ("can(expression)", "Tell whether an expression has a value."),
        "convert": ("convert(value, type)", "Return a value as one of a type."),
        "try": ("try(...expressions)", "Return the first expression that has a value."),
    }
)


def text() -> str:
    """Return the page as Markdown; ends with a newline."""
    parts = [_HEAD, *_targets(), *_others(), *_functions()]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


# -- attributes


def _targets() -> Iterator[str]:
    yield "## Attributes of a target\n"
    for word in vocabulary.TARGET:
        yield _word(word)
    for attr in ATTRIBUTES.values():
        yield _attribute(attr)


def _others() -> Iterator[str]:
    sections = {
        '## Blocks `platform "OS/ARCH"` of a target\n': (),
        "## Attributes of a group\n": vocabulary.GROUP,
        "## Attributes of a variable\n": vocabulary.VARIABLE,
        "## Attributes of a `validation` block of a variable\n": vocabulary.VALIDATION,
        "## Attributes of a function\n": vocabulary.FUNCTION,
        "## Attributes of a file\n": vocabulary.ROOT,
    }
    for title, words in sections.items():
        yield title
        if not words:
            yield _platforms()
        for word in words:
            yield _word(word)
    yield "Further attributes of a file are names for values that expressions can use.\n"


def _platforms() -> str:
    names = ", ".join(f"`{attr.name}`" for attr in ATTRIBUTES.values() if attr.per_platform)
    return (
        "*Extension.* What differs on one platform, on top of what the target says. It can have"
        f" these attributes: {names}.\n\n"
        '```hcl\nplatform "linux/arm64" {\n  args = { OPTIMIZE = "neon" }\n}\n```\n'
    )


def _word(word: Word) -> str:
    own = "*Extension.* " if word.extension else ""
    needed = "; required" if word.required else ""
    return _section(word.name, own + word.doc, {"type": word.form + needed}, word.example)


def _attribute(attr: Attr) -> str:
    rows = {"type": _TYPES[attr.shape], "said twice": _merge(attr), "null": _null(attr)}
    rows["`--set`"] = _set(attr)
    rows["compose"] = ", ".join(f"`{key}`" for key in attr.compose.split(", ") if key) or "-"
    if attr.per_platform:
        rows["per platform"] = "yes, in a `platform` block (extension)"
    own = "*Extension.* " if attr.extension else ""
    return _section(attr.name, own + attr.doc, rows, attr.example, _keys(attr))


def _section(name: str, doc: str, rows: Mapping[str, str], example: str, more: str = "") -> str:
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    block = f"\n```hcl\n{example}\n```\n" if example else ""
    return f"### `{name}`\n\n{doc}\n\n| | |\n|---|---|\n{table}\n{more}{block}"


def _merge(attr: Attr) -> str:
    said = _MERGES[attr.merge]
    if attr.merge is Merge.REPLACE and attr.shape in _CLEARED:
        said += "; `[]` clears it"
    if attr.merge is Merge.REPLACE and attr.shape is Shape.STRING and not attr.nullable:
        said += ", unless it is empty"
    if attr.blank_removes:
        said += "; an empty value removes the key"
    return said


def _null(attr: Attr) -> str:
    unset = "unset: what was said before stays" if attr.nullable else "an error"
    return f"{unset}; null elements are skipped" if attr.sparse else unset


def _set(attr: Attr) -> str:
    name = attr.set_name
    if not name:
        return "-"
    if attr.shape in {Shape.MAPPING, Shape.OBJECT}:
        return f"`TARGET.{name}.KEY=VALUE`"
    if attr.shape in {Shape.STRING, Shape.BOOLEAN}:
        return f"`TARGET.{name}=VALUE`"
    if attr.set_extends:
        return f"`TARGET.{name}=VALUE`, which adds to the list, as `+=` does"
    declared = ", `TARGET.secret.ID=VALUE` for one that is declared"
    return f"`TARGET.{name}=VALUE`, or `+=` to add{declared if attr.name == 'secret' else ''}"


def _keys(attr: Attr) -> str:
    if attr.shape is Shape.OBJECT:
        rows = [(name, resources.KEYS[name].value, doc) for name, doc in resources.DOCS.items()]
        return _table("The object has these keys:", rows)
    if attr.composite is None:
        return ""
    kind = attr.composite
    rows = [
        (key.name, f"{_TYPES[key.shape]}{'; required' if key.required else ''}", key.doc)
        for key in kind.KEYS
        if not key.printed
    ]
    further = ", whose further keys are attributes of its type" if kind.OPEN else ""
    return _table(f"As a string: `{kind.FORM}`. As an object{further}:", rows)


def _table(intro: str, rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| `{name}` | {form} | {doc} |" for name, form, doc in rows]
    return "\n".join(["", intro, "", "| key | | |", "|---|---|---|", *lines, ""])


# -- functions


def _functions() -> Iterator[str]:
    count = len(STANDARD_NAMES)
    yield f"## Functions\n\nThere are {count}. `...` stands for any number of arguments.\n"
    rows = ["| function | | example |", "|---|---|---|"]
    for name in sorted(STANDARD_NAMES):
        signature, doc = _LAZY[name] if name in LAZY_NAMES else _described(STANDARD[name])
        rows.append(f"| `{signature}` | {_cell(doc)} | {_example(name)} |")
    yield "\n".join(rows)


def _described(function: Function) -> tuple[str, str]:
    parameters = [_parameter(parameter) for parameter in function.parameters]
    if function.variadic is not None:
        parameters.append(f"...{_parameter(function.variadic)}")
    found, _ = implementation(function.name)
    return f"{function.name}({', '.join(parameters)})", inspect.getdoc(found) or ""


def _parameter(parameter: Parameter) -> str:
    return parameter.name if parameter.type == ANY else f"{parameter.name}: {parameter.type}"


def _example(name: str) -> str:
    if name in SILENT:
        return SILENT[name]
    call = EXAMPLES[name]
    value = evaluate(parse_expression(Source("example", call), call), _Nothing())
    return f"`{_escaped(call)}` → `{_escaped(to_json(value))}`"


def _cell(doc: str) -> str:
    return _escaped(doc.split("\n\n", maxsplit=1)[0].replace("\n", " "))


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


class _Nothing:
    """The scope of the examples: no names, and a world that never changes."""

    def __init__(self) -> None:
        self.context = Context(
            now=lambda: datetime(2024, 3, 5, 7, 8, 9, tzinfo=UTC),
            random_bytes=lambda count: bytes(range(count)),
            home="/home/me",
        )

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        """Return nothing: there are no names."""
        _ = traversal
        return None

    def function(self, name: str) -> Function | None:
        """Return nothing: there are no other functions."""
        _ = name
        return None

    def names(self) -> Iterable[str]:
        """Return no names."""
        return ()

    def function_names(self) -> Iterable[str]:
        """Return no names."""
        return ()

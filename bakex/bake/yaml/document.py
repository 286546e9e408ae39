"""Text to documents: the events of pyyaml, composed under limits.

pyyaml's own composer recurses, in C where it can, and would overflow the stack on hostile input;
composing its events needs no recursion, and every limit is checked before anything is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakex.bake.yaml import scalars
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence, YamlNode
from bakex.errors import SyntaxDefinitionError
from bakex.model.bakefile import MAX_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bakex.bake.hcl.source import Source

MAX_DEPTH = 64  # levels; people write about ten
MAX_NODES = 200_000  # values, those of aliases counted each time; a large file has some thousands
MAX_DOCUMENTS = 100
MAX_MERGED = 1_000_000  # entries that merge keys bring in, counted each time
_MERGE = "<<"
_MERGE_TAG = scalars.PREFIX + "merge"
_FLOW_HINT = "close what was opened, and check the indentation"


def read(source: Source) -> tuple[YamlNode, ...]:
    """Return the documents of a text; a text without any has none.

    Raises:
        SyntaxDefinitionError: It is no YAML, sets a key twice, has a key that is no text, or goes
            beyond a limit.
    """
    if len(source.text) > MAX_SIZE:
        raise SyntaxDefinitionError(f"{source.name!r} is larger than {MAX_SIZE} characters")
    import yaml  # noqa: PLC0415 - only files in YAML need it, and it takes a while to import

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return tuple(_Composer(source).documents(yaml.parse(source.text, Loader=loader)))
    except yaml.YAMLError as error:
        raise _syntax_error(error, source) from error


def _syntax_error(error: Any, source: Source) -> SyntaxDefinitionError:  # noqa: ANN401 - no types
    mark = getattr(error, "problem_mark", None)
    start = min(mark.index if mark else getattr(error, "position", 0), len(source.text))
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "malformed text"
    context = getattr(error, "context", None)
    if "nesting depth" in problem:
        # libyaml reads ahead and has a limit of its own, beyond ours: 1000 levels, from 0.2.6 on.
        return SyntaxDefinitionError(
            f"more than {MAX_DEPTH} levels",
            span=source.span(start, start),
            source=source.text,
        )
    return SyntaxDefinitionError(
        f"this is no YAML: {problem}",
        detail=f"It happened {context}." if context else "",
        hint=_FLOW_HINT,
        span=source.span(start, start),
        source=source.text,
    )


class _Open:
    """A collection whose end has not come yet; or a whole stream or document."""

    __slots__ = ("anchor", "children", "is_mapping", "start", "tag")

    def __init__(self, start: int, tag: str, anchor: str | None, *, is_mapping: bool) -> None:
        self.start = start
        self.tag = tag
        self.anchor = anchor
        self.is_mapping = is_mapping
        self.children: list[YamlNode] = []


class _Composer:
    """Makes nodes of the events of one text."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._anchors: dict[str, YamlNode] = {}
        self._open: list[_Open] = []
        self._count = 0
        self._documents = 0
        self._merged_entries = 0

    def documents(self, events: Iterable[Any]) -> Iterator[YamlNode]:
        """Yield the root of each document."""
        for event in events:
            kind = type(event).__name__
            node: YamlNode | None = None
            if kind == "DocumentStartEvent":
                self._begin_document(event)
            elif kind == "ScalarEvent":
                node = self._scalar(event)
            elif kind == "AliasEvent":
                node = self._alias(event)
            elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
                self._begin(event, is_mapping=kind == "MappingStartEvent")
            elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
                node = self._end(event)
            if node is None:
                continue
            if not self._open:
                yield node
            else:
                self._open[-1].children.append(node)

    def _begin_document(self, event: Any) -> None:  # noqa: ANN401 - pyyaml's events have no types
        self._anchors = {}
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            start = event.start_mark.index
            raise self._error(f"more than {MAX_DOCUMENTS} documents", start, start)

    def _begin(self, event: Any, *, is_mapping: bool) -> None:  # noqa: ANN401 - pyyaml's events have no types
        start = event.start_mark.index
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} levels", start, start)
        self._open.append(_Open(start, event.tag or "", event.anchor, is_mapping=is_mapping))

    def _end(self, event: Any) -> YamlNode:  # noqa: ANN401 - pyyaml's events have no types
        frame = self._open.pop()
        end = max(frame.start, event.end_mark.index)
        node: YamlNode
        if frame.is_mapping:
            node = self._mapping(frame, end)
        else:
            node = Sequence(self._source, frame.start, end, frame.children, frame.tag)
        node.weigh()
        if node.depth > MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} levels", frame.start, frame.start)
        if node.weight > MAX_NODES:
            raise self._error(f"more than {MAX_NODES} values", frame.start, frame.start)
        if frame.anchor:
            self._anchors[frame.anchor] = node
        return node

    def _scalar(self, event: Any) -> Scalar:  # noqa: ANN401 - pyyaml's events have no types
        start, end = event.start_mark.index, event.end_mark.index
        self._count += 1
        if self._count > MAX_NODES:
            raise self._error(f"more than {MAX_NODES} values", start, start)
        text: str = event.value
        tag: str = event.tag or ""
        value: scalars.Value = text
        if event.implicit[0] or (tag[:1] == "!" and not event.style and tag != "!"):
            value = scalars.plain(text)
        elif tag.startswith(scalars.PREFIX):
            value = self._tagged(text, tag, start, end)
        node = Scalar(self._source, start, end, value, text, tag)
        if tag in {"", "!"} and text == _MERGE and event.implicit[0]:
            node.tag = _MERGE_TAG
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _tagged(self, text: str, tag: str, start: int, end: int) -> scalars.Value:
        try:
            return scalars.tagged(text, tag)
        except SyntaxDefinitionError as error:
            raise self._error(error.summary, start, end, error.hint) from error

    def _alias(self, event: Any) -> YamlNode:  # noqa: ANN401 - pyyaml's events have no types
        name: str = event.anchor
        start, end = event.start_mark.index, event.end_mark.index
        if any(frame.anchor == name for frame in self._open):
            raise self._error(f"the anchor {name!r} contains itself", start, end)
        if name not in self._anchors:
            raise self._error(
                f"there is no anchor {name!r}", start, end, f"write &{name} at a value before"
            )
        return self._anchors[name]

    def _mapping(self, frame: _Open, end: int) -> Mapping:
        entries: dict[str, tuple[Scalar, YamlNode]] = {}
        merged: list[Mapping] = []
        seen: dict[str, YamlNode] = {}
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            name = self._key(key, seen)
            if key.tag == _MERGE_TAG:
                merged += self._merged(value)
            else:
                entries[name.text] = (name, value)
        for other in merged:
            for text, entry in other.entries.items():
                entries.setdefault(text, entry)
        return Mapping(self._source, frame.start, end, entries, frame.tag)

    def _key(self, key: YamlNode, seen: dict[str, YamlNode]) -> Scalar:
        if not isinstance(key, Scalar):
            raise self._error(f"a {key.kind} cannot be a key", key.start, key.end)
        if key.tag != _MERGE_TAG and not isinstance(key.value, str):
            raise self._error(
                f"the key {key.text!r} is no text", key.start, key.end, "put it in quotes"
            )
        other = seen.setdefault(key.text, key)
        if other is not key:
            raise SyntaxDefinitionError(
                f"the key {key.text!r} is there twice",
                detail=f"It is set on line {self._source.line(other.start)} already.",
                hint="remove one of the two",
                span=key.span,
                source=self._source.text,
            )
        return key

    def _merged(self, value: YamlNode) -> list[Mapping]:
        found = value.items if isinstance(value, Sequence) else (value,)
        mappings = [item for item in found if isinstance(item, Mapping)]
        self._merged_entries += sum(len(mapping.entries) for mapping in mappings)
        if self._merged_entries > MAX_MERGED:
            raise self._error(f"more than {MAX_MERGED} merged entries", value.start, value.end)
        if len(mappings) != len(found):
            raise self._error(
                "only mappings can be merged", value.start, value.end, "write <<: *anchor"
            )
        return mappings

    def _error(self, summary: str, start: int, end: int, hint: str = "") -> SyntaxDefinitionError:
        return SyntaxDefinitionError(
            summary, hint=hint, span=self._source.span(start, end), source=self._source.text
        )

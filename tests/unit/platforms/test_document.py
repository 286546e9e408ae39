from __future__ import annotations

from bakex.diagnostics import Span
from bakex.platforms.document import Document, Path


def document(value: object, places: dict[Path, int], name: str = "a.yaml") -> Document:
    def place(path: Path) -> tuple[Span, Span] | None:
        if path not in places:
            return None
        return Span(name, places[path]), Span(name, places[path], 9)

    return Document(name=name, value=value, place=place, source="text")


def test_an_error_is_where_the_value_is_or_near_it() -> None:
    found = document({}, {(): 1, ("a",): 2})
    error = found.error(("a",), "wrong", "do it")
    assert (error.summary, error.hint, str(error.span)) == ("a: wrong", "do it", "a.yaml:2:9")
    assert error.source == "text"
    assert str(found.error(("a",), "wrong", at_key=True).span) == "a.yaml:2:1"
    assert str(found.error(("a", "b", 3), "x").span) == "a.yaml:2:9"
    assert found.error(("a", "b", 3), "x").summary == "a.b.3: x"
    assert found.error((), "wrong").summary == "wrong"
    nowhere = document({}, {}).error(("a",), "wrong")
    assert nowhere.span is None
    assert nowhere.detail == "It is in a.yaml."


def test_a_document_over_another_one() -> None:
    base = document({"a": {"x": 1, "y": [1, 2]}, "b": 2}, {("a", "x"): 5, ("b",): 6}, "base")
    own = document({"a": {"y": [3]}, "c": {"z": 1}}, {("a", "y"): 7}, "own")
    both = own.over(base)
    assert both.value == {"a": {"x": 1, "y": [3]}, "b": 2, "c": {"z": 1}}
    assert both.name == "own"
    for path, place in ((("a", "y"), "own:7:9"), (("a", "x"), "base:5:9")):
        assert str(both.error(path, "x").span) == place
    assert base.value == {"a": {"x": 1, "y": [1, 2]}, "b": 2}
    assert document([1], {}).over(document({"a": 1}, {})).value == [1]

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.merge import ATTRIBUTES, Draft, finished, merge, normalised
from bakex.model.attestations import Attestation
from bakex.model.attributes import Attr, Shape
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.policy import Policy
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_WORD = st.sampled_from(["a", "b", "c"])
_COMPOSITES: dict[str, SearchStrategy[Any]] = {
    "attest": st.builds(Attestation, type=_WORD, disabled=st.booleans()),
    "cache-from": st.builds(CacheEntry, type=_WORD),
    "cache-to": st.builds(CacheEntry, type=_WORD),
    "output": st.builds(Output, type=_WORD),
    "secret": st.builds(Secret, id=_WORD, env=_WORD),
    "ssh": st.builds(Ssh, id=_WORD, paths=st.lists(_WORD, max_size=1).map(tuple)),
    "policy": st.builds(Policy, reset=st.booleans()),
}


def values(attr: Attr) -> SearchStrategy[Any]:
    match attr.shape:
        case Shape.STRING:
            return _WORD
        case Shape.BOOLEAN:
            return st.booleans()
        case Shape.STRINGS:
            return st.lists(_WORD, max_size=3).map(tuple)
        case Shape.MAPPING | Shape.OBJECT:
            return st.dictionaries(_WORD, st.sampled_from(["", "x"]), max_size=2)
        case Shape.COMPOSITES:
            return st.lists(_COMPOSITES[attr.name], max_size=3).map(tuple)


_settings = st.fixed_dictionaries({}, optional={n: values(a) for n, a in ATTRIBUTES.items()})
drafts = st.builds(
    Draft,
    values=_settings,
    inherits=st.lists(_WORD, max_size=2).map(tuple),
    directory=st.sampled_from(["", "d"]),
    variants=st.dictionaries(
        st.sampled_from([Platform("linux", "arm64"), Platform("linux", "s390x")]),
        st.builds(Draft, values=_settings),
        max_size=2,
    ),
)


@given(drafts, drafts, drafts)
@pytest.mark.slow
def test_merging_is_associative(a: Draft, b: Draft, c: Draft) -> None:
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(drafts)
@pytest.mark.slow
def test_an_empty_draft_changes_nothing(draft: Draft) -> None:
    assert merge(Draft(), draft) == draft == merge(draft, Draft())


@given(drafts)
@pytest.mark.slow
def test_normalising_twice_is_normalising_once(draft: Draft) -> None:
    once = normalised(draft)
    assert normalised(once) == once


@pytest.mark.parametrize("name", ["tags", "platforms", "cache-to", "output"])
def test_an_empty_list_clears_what_is_replaced(name: str) -> None:
    earlier = Draft(values={name: ("x",)})
    assert merge(earlier, Draft(values={name: ()})).values[name] == ()


@pytest.mark.parametrize(
    "name", ["cache-from", "annotations", "no-cache-filter", "ulimits", "entitlements", "policy"]
)
def test_an_empty_list_keeps_what_is_extended(name: str) -> None:
    earlier = Draft(values={name: ("x",)})
    assert merge(earlier, Draft(values={name: ()})).values[name] == ("x",)


def test_maps_are_merged_by_key() -> None:
    merged = merge(Draft(values={"args": {"a": "1", "b": "1"}}), Draft(values={"args": {"b": "2"}}))
    assert merged.values["args"] == {"a": "1", "b": "2"}


def test_a_later_secret_takes_the_place_of_the_earlier() -> None:
    earlier = Draft(values={"secret": (Secret(id="a"), Secret(id="b"))})
    later = Draft(values={"secret": (Secret(id="a", env="V"), Secret(id="c"))})
    assert merge(earlier, later).values["secret"] == (
        Secret(id="a", env="V"), Secret(id="b"), Secret(id="c")
    )  # fmt: skip


def test_an_empty_context_is_removed_at_the_end() -> None:
    draft = merge(
        Draft(values={"contexts": {"x": "p", "y": "q"}}), Draft(values={"contexts": {"x": ""}})
    )
    assert normalised(draft).values["contexts"] == {"y": "q"}


def test_an_empty_argument_is_kept() -> None:
    assert normalised(Draft(values={"args": {"a": ""}})).values["args"] == {"a": ""}


@pytest.mark.parametrize(
    ("refs", "left"), [("aabc", "acb"), ("abac", "abc"), ("caba", "cab"), ("abc", "abc")]
)
def test_duplicate_caches_leave_in_the_order_of_the_reference(refs: str, left: str) -> None:
    draft = Draft(values={"cache-from": tuple(CacheEntry(type=ref) for ref in refs)})
    kept = normalised(draft).get_composites("cache-from")
    assert [entry.document()["type"] for entry in kept] == list(left)


def test_policies_are_all_kept() -> None:
    draft = Draft(values={"policy": (Policy(), Policy())})
    assert normalised(draft).values["policy"] == (Policy(), Policy())


def test_blank_texts_and_duplicates_go() -> None:
    draft = Draft(values={"tags": ("x", "", "y", "x")})
    assert normalised(draft).values["tags"] == ("x", "y")


def test_finished_sets_what_the_draft_sets() -> None:
    target = finished("app", Draft(values={"no-cache": False, "tags": ("x",)}))
    assert (target.name, target.no_cache, target.tags, target.pull) == ("app", False, ("x",), None)


def test_having_forgets_the_place() -> None:
    draft = Draft(values={"tags": ("x",)}, spans={"tags": object(), "args": object()})  # type: ignore[dict-item]
    assert draft.having("tags", ()).spans.keys() == {"args"}


def test_unset_attributes_read_as_empty() -> None:
    draft = Draft()
    assert draft.get_text("context") == ""
    assert draft.get_texts("tags") == ()
    assert draft.get_mapping("args") == {}
    assert draft.get_composites("output") == ()

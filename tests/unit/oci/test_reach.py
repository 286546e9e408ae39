"""What leads to what, and what nothing leads to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.model.digest import Digest
from bakex.oci.reach import Case, Links, judge, listed_subject, short

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn


def digest(number: int) -> Digest:
    return Digest("sha256", f"{number:064x}")


A, B, C, D, E, F = map(digest, range(10, 16))


@dataclass(slots=True)
class Graph:
    """A made-up repository: content only refers to what is older than itself, as hashes do.

    Attributes:
        lists: Lists of referrers, each with its subject.
    """

    children: dict[int, set[int]] = field(default_factory=dict[int, set[int]])
    subject: dict[int, int] = field(default_factory=dict[int, int])
    lists: dict[int, int] = field(default_factory=dict[int, int])
    tags: dict[str, int] = field(default_factory=dict[str, int])
    doomed_tags: set[str] = field(default_factory=set[str])
    candidates: set[int] = field(default_factory=set[int])
    held: set[int] = field(default_factory=set[int])
    missing: set[int] = field(default_factory=set[int])

    def links(self) -> Links:
        links = Links()
        for number, children in self.children.items():
            about = self.subject.get(number)
            links.add(
                digest(number), map(digest, children), None if about is None else digest(about)
            )
        for number, about in self.lists.items():
            links.belongs(digest(number), digest(about))
        return links

    def case(self) -> Case:
        names = {name: digest(number) for name, number in self.tags.items()}
        names |= {f"sha256-{digest(about).hex}": digest(n) for n, about in self.lists.items()}
        return Case(
            tags=names,
            doomed_tags=self.doomed_tags,
            candidates={digest(number): "why" for number in self.candidates},
            held={digest(number) for number in self.held},
            missing={digest(number) for number in self.missing},
        )

    def lives(self) -> set[int]:
        """What must stay, by going over everything again and again until nothing is added."""
        found = {n for name, n in self.tags.items() if name not in self.doomed_tags} | self.held
        while True:
            more = set(found)
            for number, children in self.children.items():
                about = self.subject.get(number)
                if number in found:
                    more |= children | ({about} if about is not None else set())
                if about in found:
                    more.add(number)
            more |= {number for number, about in self.lists.items() if about in found}
            if more == found:
                return found
            found = more


@st.composite
def graphs(draw: DrawFn) -> Graph:
    count = draw(st.integers(1, 14))
    graph = Graph()
    for number in range(count):
        older = st.sets(st.integers(0, number - 1), max_size=4) if number else st.just(set[int]())
        graph.children[number] = draw(older)
        if number and draw(st.booleans()):
            graph.subject[number] = draw(st.integers(0, number - 1))
    some = st.sets(st.integers(0, count - 1), max_size=4)
    for number, about in enumerate(sorted(draw(some))):
        graph.lists[100 + number] = about
        graph.children[100 + number] = {n for n, s in graph.subject.items() if s == about}
    graph.tags = {f"t{number}": number for number in draw(some)}
    graph.doomed_tags = draw(st.sets(st.sampled_from([*graph.tags, "other"]), max_size=3))
    graph.candidates, graph.held = draw(some), draw(some)
    graph.missing = {n for n in draw(some) if n not in graph.lives()}
    return graph


@given(graphs())
def test_nothing_goes_that_anything_living_leads_to(graph: Graph) -> None:
    verdict = judge(graph.links(), graph.case())
    lives = {digest(number) for number in graph.lives()}
    assert lives <= verdict.kept
    assert not verdict.kept & verdict.doomed.keys()
    assert not lives & verdict.doomed.keys()


@given(graphs())
def test_what_is_asked_for_goes_unless_something_leads_to_it(graph: Graph) -> None:
    verdict = judge(graph.links(), graph.case())
    for number in graph.candidates:
        assert (digest(number) in verdict.doomed) != (digest(number) in verdict.kept)


@given(graphs())
def test_nothing_ever_lacks_a_part_while_the_rest_goes(graph: Graph) -> None:
    links = graph.links()
    doomed = judge(links, graph.case()).doomed
    order = links.order(doomed)
    assert sorted(order) == sorted(doomed)
    assert order == links.order(set(doomed))
    gone: set[Digest] = set()
    for item in order:
        number = int(item.hex, 16)
        pointers = [n for n, children in graph.children.items() if number in children]
        pointers += [n for n, about in graph.subject.items() if about == number]
        assert all(digest(n) in gone for n in pointers if digest(n) in doomed)
        gone.add(item)


def test_a_shared_child_stays_with_the_other_index() -> None:
    links = Links()
    links.add(A, [C, D])
    links.add(B, [D, E])
    verdict = judge(links, Case(tags={"a": A, "b": B}, doomed_tags={"a"}))
    assert verdict.doomed == {A: "only the tag a stands for it", C: f"belongs to {short(A)}"}
    assert verdict.kept == {B, D, E}


def test_referrers_of_referrers_go_with_what_they_are_about() -> None:
    links = Links()
    links.add(A)
    links.add(B, subject=A)
    links.add(C, subject=B)
    assert set(judge(links, Case(tags={"a": A}, doomed_tags={"a"})).doomed) == {A, B, C}
    assert not judge(links, Case(tags={"a": A}, candidates={C: "named"})).doomed


def test_a_referrer_with_a_tag_keeps_what_it_is_about() -> None:
    links = Links()
    links.add(A, [D])
    links.add(B, subject=A)
    verdict = judge(links, Case(tags={"sbom": B}, candidates={A: "named"}))
    assert not verdict.doomed
    assert verdict.kept == {A, B, D}


def test_naming_a_referrer_does_not_take_its_subject_along() -> None:
    links = Links()
    links.add(A)
    links.add(B, subject=A)
    assert set(judge(links, Case(tags={}, candidates={B: "named"})).doomed) == {B}


def test_a_list_of_referrers_goes_when_its_subject_is_gone_and_only_then() -> None:
    links = Links()
    links.add(B, subject=A)
    links.add(C, [B])
    links.belongs(C, A)
    name = f"sha256-{A.hex}"
    gone = judge(links, Case(tags={name: C}, missing={A}))
    assert gone.doomed[C] == f"is about {short(A)}, which is gone"
    assert set(gone.doomed) == {B, C}
    links.add(A)
    there = judge(links, Case(tags={name: C}))
    assert not there.doomed
    assert there.signed == {A}
    asked = judge(links, Case(tags={name: C}, candidates={A: "named"}))
    assert set(asked.doomed) == {A, B, C}
    tagged = judge(links, Case(tags={name: C, "1": A}, candidates={A: "named"}))
    assert not tagged.doomed
    assert not tagged.signed


def test_one_list_for_two_subjects_stays_for_the_one_that_is_there() -> None:
    links = Links()
    links.add(A)
    links.add(C)
    links.belongs(C, A)
    links.belongs(C, B)
    tags = {"1": A, f"sha256-{A.hex}": C, f"sha256-{B.hex}": C}
    assert not judge(links, Case(tags=tags, missing={B})).doomed


def test_what_is_held_is_told_apart() -> None:
    links = Links()
    links.add(A, [B])
    links.add(C, [B, D])
    verdict = judge(links, Case(tags={"a": A}, candidates={C: "pushed"}, held={C}))
    assert not verdict.doomed
    assert verdict.held == {C, D}


@pytest.mark.parametrize(
    ("tag", "hex_digits"),
    [
        (f"sha256-{A.hex}", A.hex),
        (f"sha256-{A.hex}.sig", A.hex),
        (f"sha256-{A.hex}.att", A.hex),
        (f"sha256-{A.hex[:-1]}", ""),
        (f"sha512-{A.hex}", ""),
        ("latest", ""),
    ],
)
def test_tags_that_are_about_a_digest(tag: str, hex_digits: str) -> None:
    found = listed_subject(tag)
    assert (found.hex if found is not None else "") == hex_digits

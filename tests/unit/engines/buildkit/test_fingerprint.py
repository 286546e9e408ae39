"""What a target is made from, as one hash."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.engines.buildkit.fingerprint import directories, fingerprint
from bakex.model.outputs import Output
from bakex.model.target import Target

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target(name="app", args={"A": "1"})


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("1")
    return tmp_path


def test_the_same_is_the_same(context: Path) -> None:
    first = fingerprint(TARGET, context)
    assert len(first) == 64
    (context / "dir" / "file").write_text("what the build makes of this is not known yet")
    assert fingerprint(TARGET, context) == first
    other = replace(TARGET, name="db", tags=("x",), output=(Output(type="registry"),), pull=True)
    assert fingerprint(other, context) == first


def test_every_change_counts(context: Path) -> None:
    seen = {fingerprint(TARGET, context)}

    def changed(target: Target = TARGET) -> bool:
        before = len(seen)
        seen.add(fingerprint(target, context))
        return len(seen) > before

    (context / "Dockerfile").write_text("FROM scratch\n")
    assert changed()
    assert changed(replace(TARGET, args={"A": "2"}))
    assert changed(replace(TARGET, labels={"l": "v"}))
    assert changed(replace(TARGET, dockerfile_inline="FROM scratch"))
    assert changed(replace(TARGET, contexts={"more": "dir"}))
    assert not changed(replace(TARGET, contexts={}))


def test_the_dockerfile_outside_of_the_context_counts(context: Path) -> None:
    target = replace(TARGET, context="dir", dockerfile="../Dockerfile")
    first = fingerprint(target, context)
    (context / "other").write_text("x")
    assert fingerprint(target, context) == first
    (context / "Dockerfile").write_text("FROM scratch\n")
    assert fingerprint(target, context) != first


def test_links_to_other_targets_are_no_directories(context: Path) -> None:
    target = replace(TARGET, contexts={"base": "target:base"})
    assert fingerprint(target, context) not in {"", fingerprint(TARGET, context)}


def test_what_cannot_be_read_has_no_hash(context: Path) -> None:
    assert fingerprint(replace(TARGET, context="missing"), context) == ""


def test_a_remote_context_counts_by_its_address(context: Path) -> None:
    first = fingerprint(replace(TARGET, context="https://example.com/a.git"), context)
    second = fingerprint(replace(TARGET, context="https://example.com/b.git"), context)
    assert len({first, second, ""}) == 3


def test_directories_of_a_build(context: Path) -> None:
    contexts = {"more": "dir", "base": "target:base", "far": "https://example.com/a.git"}
    target = replace(TARGET, contexts=contexts)
    assert directories(target, context) == {
        "context": context,
        "dockerfile": context,
        "more": context / "dir",
    }
    inline = replace(TARGET, dockerfile_inline="FROM scratch")
    assert directories(inline, context) == {"context": context}
    assert directories(replace(TARGET, context="missing"), context) == {}

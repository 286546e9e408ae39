"""What immutable tags were made from, and what of it has changed."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.api.inputs import InputRecords
from bakex.config import load
from bakex.engines.buildkit.fingerprint import directories
from bakex.engines.buildkit.reads import Reads
from bakex.errors import TagConflictError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_INDEX
from bakex.model.node import NodeName, Speed
from bakex.model.plan import Cell, CellId, Plan
from bakex.model.platform import Platform
from bakex.model.publication import Publication, State
from bakex.model.reference import Reference
from bakex.model.target import Target
from bakex.outputs.preflight import Destination
from bakex.session.filesync.tree import DiskTree
from bakex.session.filesync.walk import walk
from bakex.session.filesync.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROOT = Descriptor(media_type=OCI_INDEX, digest=Digest.of(b"x"), size=1)
PLATFORM = Platform.parse("linux/amd64")
IGNORE = Wanted(follow=(".dockerignore",))
AFTER_ALL = 10**12


def cell(name: str, *links: str, **fields: object) -> Cell:
    target = Target(name=name, **fields)  # type: ignore[arg-type]
    linked = tuple((base, CellId(base, PLATFORM)) for base in links)
    return Cell(
        id=CellId(name, PLATFORM),
        target=target,
        node=NodeName("n"),
        speed=Speed.NATIVE,
        links=linked,
    )


class Machine:
    """Runs that publish each target under a tag of its name, as far as records go."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = load({"HOME": str(home / "state")}, cwd=home)
        self.cells = {"app": cell("app"), "db": cell("db")}
        self.wanted: Mapping[str, tuple[Wanted, ...]] = {
            "app": (IGNORE, Wanted(follow=("a",))),
            "db": (IGNORE, Wanted(follow=("b",))),
        }

    async def run(
        self,
        *names: str,
        tagged: tuple[str, ...] = (),
        now: Digest = ROOT.digest,
        state: State = State.PUBLISHED,
        built: bool = True,
    ) -> None:
        names = names or ("app", "db")
        cells = [self.cells[name] for name in names]
        reads = Reads()
        records = InputRecords(self.settings, Plan(cells=tuple(cells), requested=names), [reads])
        places = [
            Destination(reference=Reference.parse(f"h.test/{each.target.name}:1"), cells=(each,))
            for each in cells
            if each.target.name in (tagged or names)
        ]
        await records.look(places)
        await records.check((place, now) for place in places)
        if built:
            self.build(cells, reads)
        await records.survey()
        records.keep(
            [
                Publication(
                    target=place.cells[0].target.name,
                    kind="registry",
                    place=str(place.reference),
                    root=ROOT,
                    state=state,
                )
                for place in places
            ]
        )

    def build(self, cells: list[Cell], reads: Reads) -> None:
        for each in cells:
            dirs = directories(each.target, self.home)
            reads.offer(each.id, dirs)
            for name, directory in dirs.items():
                tree = DiskTree(directory)
                file = f"{each.target.dockerfile or 'Dockerfile'}.dockerignore"
                ignore = Wanted(follow=(file,))
                asked = (ignore,) if name == "dockerfile" else self.wanted[each.target.name]
                for wanted in asked:
                    entries = len(list(walk(tree, wanted.selection(tree))))
                    reads.read(name, directory, wanted, entries, time.time_ns() + AFTER_ALL)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.home / name).write_text(text)

    @property
    def records(self) -> list[Path]:
        return sorted((self.settings.state / "published").glob("*.json"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    found = Machine(tmp_path)
    found.write(a="a", b="b")
    return found


async def test_the_same_again_is_no_error(machine: Machine) -> None:
    await machine.run()
    machine.write(a="a", log="new")
    await machine.run()
    assert len(machine.records) == 2


@pytest.mark.parametrize("file", ["a", "b"])
async def test_a_changed_file_is_refused(machine: Machine, file: str) -> None:
    await machine.run()
    machine.write(**{file: "changed"})
    with pytest.raises(TagConflictError, match=r"h.test/app:1 is immutable") as caught:
        await machine.run()
    assert caught.value.detail == (
        f"'{file}' in the context of app, db has changed since it was published from here."
    )
    machine.write(**{file: file})
    await machine.run()


async def test_several_changed_files_are_counted(machine: Machine) -> None:
    await machine.run()
    machine.write(b="changed")
    (machine.home / "a").unlink()
    with pytest.raises(TagConflictError) as caught:
        await machine.run()
    assert caught.value.detail.startswith("'a' in ")
    assert caught.value.detail.endswith("from here, and 1 more.")


async def test_a_changed_definition_is_refused(machine: Machine) -> None:
    await machine.run()
    machine.cells["db"] = cell("db", labels={"a": "b"})
    with pytest.raises(TagConflictError, match="db:1") as caught:
        await machine.run()
    assert "definition or its Dockerfile has changed" in caught.value.detail


async def test_who_has_read_a_file_is_not_known(machine: Machine) -> None:
    """Nothing is said of one target alone if two have read a directory in one run."""
    await machine.run()
    machine.write(b="changed")
    await machine.run("app")
    machine.write(a="changed")
    with pytest.raises(TagConflictError) as caught:
        await machine.run("app")
    assert "in the context of app has" in caught.value.detail


async def test_what_a_target_without_such_a_tag_reads_may_change(machine: Machine) -> None:
    await machine.run(tagged=("app",))
    machine.write(b="changed")
    await machine.run(tagged=("app",))


async def test_what_a_target_is_built_on_reads_counts(machine: Machine) -> None:
    machine.cells["app"] = cell("app", "db", contexts={"db": "target:db"})
    await machine.run("db", "app", tagged=("app",))
    machine.write(b="changed")
    with pytest.raises(TagConflictError) as caught:
        await machine.run("db", "app", tagged=("app",))
    assert "'b' in the context of app, db" in caught.value.detail


async def test_named_contexts_count(machine: Machine) -> None:
    (machine.home / "more").mkdir()
    machine.cells["app"] = cell("app", contexts={"more": "more"})
    await machine.run("app")
    (machine.home / "more" / "a").touch()
    with pytest.raises(TagConflictError) as caught:
        await machine.run("app")
    assert "'a' in context more of app" in caught.value.detail
    machine.cells["app"] = replace(
        machine.cells["app"], target=replace(machine.cells["app"].target, context="missing")
    )
    await machine.run("app", built=False)


@pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore"])
async def test_another_dockerignore_leaves_it_to_the_build(machine: Machine, name: str) -> None:
    await machine.run()
    machine.write(**{name: "b", "a": "changed"})
    await machine.run()


@pytest.mark.parametrize("lost", ["record", "list"])
async def test_what_is_not_known_is_left_to_the_build(machine: Machine, lost: str) -> None:
    await machine.run()
    machine.write(a="changed")
    for path in machine.records:
        if lost == "record":
            path.write_text("[]")
    if lost == "list":
        for path in (machine.settings.state / "published" / "contexts").iterdir():
            path.unlink()
    await machine.run()


async def test_a_tag_that_was_moved_by_others_is_not_known(machine: Machine) -> None:
    await machine.run()
    machine.write(a="changed")
    await machine.run(now=Digest.of(b"other"))


async def test_what_was_not_built_has_no_list(machine: Machine) -> None:
    await machine.run(built=False)
    document = json.loads(machine.records[0].read_bytes())
    assert document["contexts"] == {f"{document['reference'][7:-2]}@linux/amd64": {}}
    machine.write(a="changed")
    await machine.run()


async def test_only_what_holds_the_result_is_kept(machine: Machine) -> None:
    await machine.run(state=State.RESTORED)
    assert machine.records == []
    published = machine.settings.state / "published"
    shutil.rmtree(published)
    published.touch()
    await machine.run()
    assert published.is_file()


async def test_a_file_that_changes_during_the_build_is_no_evidence(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.api.test_inputs.AFTER_ALL", -AFTER_ALL)
    await machine.run()
    machine.write(a="changed")
    await machine.run()


async def test_a_target_without_dockerfile_is_left_to_the_build(machine: Machine) -> None:
    (machine.home / "Dockerfile").unlink()
    await machine.run(built=False)
    assert machine.records == []

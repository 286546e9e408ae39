from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex._util.atomic import try_lock
from bakex.api.builder_store import BuilderStore, text
from bakex.api.builders import Chosen, understood
from bakex.config import Settings, load
from bakex.errors import ConfigError, UsageError
from bakex.model.platform import Platform
from bakex.nodes.declared import DeclaredBuilder, DeclaredFile, DeclaredNode, DeclaredTls

if TYPE_CHECKING:
    from pathlib import Path

NODE = DeclaredNode(endpoint="private")
OTHER = DeclaredNode(
    endpoint="tcp://h:1",
    tls=DeclaredTls(ca="/my files/ca.pem", server_name="s"),
    platforms=(Platform.parse("linux/arm64"), Platform.parse("linux/arm/v7")),
    labels=(("disk", "ssd"), ("yes", "0o17")),
    max_jobs=3,
    weight=2,
)
PROJECT = "builders: {ci: {nodes: {n: {endpoint: private}}}}\n"


def settings(home: Path) -> Settings:
    return load({"HOME": str(home)}, cwd=home)


@pytest.fixture
def store(tmp_path: Path) -> BuilderStore:
    return BuilderStore(settings(tmp_path))


def declared(store: BuilderStore) -> dict[str, list[str]]:
    files = [file for file in store.builders.files if file.source == "user"]
    return {
        name: [node for node, _ in builder.nodes]
        for file in files
        for name, builder in file.builders.items()
    }


async def test_builders_come_and_go(store: BuilderStore, tmp_path: Path) -> None:
    await store.create("farm", {"a": NODE})
    await store.add("farm", "b", OTHER)
    await store.create("box", {"c": NODE})
    assert declared(store) == {"farm": ["a", "b"], "box": ["c"]}
    (file,) = store.builders.files
    assert dict(file.builders["farm"].nodes)["b"] == OTHER
    assert store.builders.user_path.stat().st_mode & 0o777 == 0o600
    await store.drop("farm", ["a"])
    assert declared(store) == {"farm": ["b"], "box": ["c"]}
    assert await store.remove("farm") is False
    assert await store.remove("box") is False
    assert declared(store) == {}
    assert [path.name for path in store.builders.user_path.parent.iterdir()] == ["builders.yaml"]


async def test_names_that_are_refused(store: BuilderStore) -> None:
    await store.create("farm", {"a": NODE})
    for name in ("private", "1", "a,b", "tcp://x", ""):
        with pytest.raises(UsageError, match="cannot be a name"):
            await store.create(name, {"a": NODE})
        with pytest.raises(UsageError, match="cannot be a name"):
            await store.add("farm", name, NODE)
    with pytest.raises(UsageError, match="there is a builder 'farm' already"):
        await store.create("farm", {"a": NODE})
    with pytest.raises(UsageError, match="has a node 'a' already"):
        await store.add("farm", "a", NODE)
    with pytest.raises(UsageError, match="has no node 'z'"):
        await store.drop("farm", ["z"])
    with pytest.raises(UsageError, match="would have no node left") as caught:
        await store.drop("farm", ["a"])
    assert caught.value.hint == "remove it with bakex builder rm farm"
    assert declared(store) == {"farm": ["a"]}


async def test_builders_of_others_are_not_changed(store: BuilderStore, tmp_path: Path) -> None:
    (tmp_path / "bakex.yaml").write_text(PROJECT)
    for name, hint in (
        ("ci", f"edit {tmp_path}/bakex.yaml"),
        ("default", "change it with docker context"),
        ("private", "see bakex engine --help"),
    ):
        with pytest.raises(UsageError, match="is not one that bakex keeps") as caught:
            await store.remove(name)
        assert caught.value.hint == hint
    with pytest.raises(UsageError, match="there is no builder 'zz'"):
        await store.add("zz", "n", NODE)


async def test_one_of_a_project_may_be_hidden(store: BuilderStore, tmp_path: Path) -> None:
    (tmp_path / "bakex.yaml").write_text(PROJECT)
    await store.create("ci", {"mine": NODE})
    assert declared(store) == {"ci": ["mine"]}


async def test_a_file_of_a_person_is_left_alone(store: BuilderStore) -> None:
    path = store.builders.user_path
    path.parent.mkdir(parents=True)
    path.write_text(f"# my farm\n{PROJECT}")
    with pytest.raises(ConfigError, match="was not written by bakex"):
        await store.create("farm", {"a": NODE})
    assert path.read_text() == f"# my farm\n{PROJECT}"
    await store.use("ci")
    assert store.builders.current() == "ci"


async def test_a_builder_is_chosen(store: BuilderStore, tmp_path: Path) -> None:
    project = tmp_path / "bakex.yaml"
    project.write_text(PROJECT)
    await store.create("farm", {"a": NODE}, use=True)
    assert store.builders.current() == "farm"
    assert await store.use("ci") == str(project)
    assert store.builders.chosen() == Chosen(builder="farm", projects={str(project): "ci"})
    assert await store.use("default") == ""
    assert store.builders.chosen() == Chosen(builder="default")
    await store.use("")
    assert store.builders.current() == ""
    with pytest.raises(UsageError, match="no builder 'zz'"):
        await store.use("zz")


async def test_removing_the_builder_in_use(store: BuilderStore) -> None:
    await store.create("farm", {"a": NODE}, use=True)
    assert await store.remove("farm") is True
    assert store.builders.current() == ""


async def test_changes_wait_for_one_another(store: BuilderStore) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(store.create(f"b{number}", {"a": NODE}))
    assert sorted(declared(store)) == [f"b{number}" for number in range(8)]


async def test_a_change_that_has_to_wait_too_long(tmp_path: Path) -> None:
    store = BuilderStore(settings(tmp_path), patience_s=0)
    path = store.builders.user_path
    path.parent.mkdir(parents=True)
    lock = try_lock(path.with_name(f".{path.name}.lock"))
    assert lock is not None
    with pytest.raises(ConfigError, match="another bakex is writing"):
        await store.create("farm", {"a": NODE})
    lock.release()


async def test_a_folder_that_cannot_be_made(store: BuilderStore, tmp_path: Path) -> None:
    (tmp_path / ".config").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        await store.create("farm", {"a": NODE})


async def test_what_cannot_be_written_down_is_refused(store: BuilderStore) -> None:
    await store.create("farm", {"a": NODE})
    with pytest.raises(ConfigError):
        await store.add("farm", "b", DeclaredNode(endpoint="private", labels=(("k", "\x00\x85"),)))
    assert declared(store) == {"farm": ["a"]}


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1),
        st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
    )
)
def test_any_text_is_read_back(labels: dict[str, str]) -> None:
    node = DeclaredNode(endpoint="private", labels=tuple(sorted(labels.items())))
    builders = (("b", DeclaredBuilder(nodes=(("n", node),))),)
    written = text(DeclaredFile(builders=builders))
    path = load({"HOME": "/x"}).config / "builders.yaml"
    assert understood(path, written.encode(), "user").builders == dict(builders)

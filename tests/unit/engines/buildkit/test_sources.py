from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from bakex.engines.buildkit.graphs import Graph
from bakex.engines.buildkit.sources import gather
from bakex.errors import FrontendError, SessionError, UnsupportedAttributeError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.model.remote import is_remote
from bakex.model.ssh import Ssh
from bakex.model.target import Target
from bakex.oci.layout import OciLayout

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.building import LinkedContent
    from bakex.engines.buildkit.sources import Sources

DIGEST = "sha256:" + "a" * 64
CONTEXTS = "moby.buildkit.frontend.contexts+forward"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def sources(cwd: Path, **fields: object) -> Sources:
    return gather(Target(name="t", **fields), {}, cwd)  # type: ignore[arg-type]


async def layout(path: Path, *names: str) -> list[str]:
    store = OciLayout.create(path)
    found = []
    for name in names:
        content = f'{{"name":"{name}"}}'.encode()
        descriptor = Descriptor(
            media_type=OCI_MANIFEST, digest=Digest.of(content), size=len(content)
        )

        async def chunks(content: bytes = content):  # type: ignore[no-untyped-def]
            yield content

        await store.push(descriptor, chunks)
        await store.tag(descriptor, name)
        found.append(str(descriptor.digest))
    return found


def test_the_default_is_the_working_directory(cwd: Path) -> None:
    found = sources(cwd)
    assert found.attrs == {"filename": "Dockerfile"}
    assert found.dirs == {"context": cwd, "dockerfile": cwd}
    assert found.dockerfile == "Dockerfile"


@pytest.mark.parametrize("context", ["sub", "./sub", "cwd://sub"])
def test_the_dockerfile_is_relative_to_the_context(cwd: Path, context: str) -> None:
    found = sources(cwd, context=context)
    assert found.dirs["dockerfile"] == found.dirs["context"] == cwd / "sub"
    assert found.dockerfile == "sub/Dockerfile"


def test_a_dockerfile_of_another_name_in_another_directory(cwd: Path) -> None:
    (cwd / "sub" / "app.Dockerfile").touch()
    found = sources(cwd, dockerfile="sub/app.Dockerfile")
    assert found.attrs == {"filename": "app.Dockerfile"}
    assert found.dirs == {"context": cwd, "dockerfile": cwd / "sub"}


def test_a_dockerfile_outside_of_the_context(cwd: Path) -> None:
    for name in ("../Dockerfile", "cwd://Dockerfile", str(cwd / "Dockerfile")):
        found = sources(cwd, context="sub", dockerfile=name)
        dockerfile = found.dirs["dockerfile"]
        assert not isinstance(dockerfile, dict)
        assert (cwd / str(dockerfile)).resolve() == cwd


def test_lower_case_is_good_enough(cwd: Path) -> None:
    (cwd / "Dockerfile").rename(cwd / "dockerfile")
    assert sources(cwd).attrs == {"filename": "dockerfile"}


def test_a_link_that_leads_outside_is_followed_here(cwd: Path) -> None:
    (cwd / "linked").mkdir()
    (cwd / "linked" / "Dockerfile").symlink_to(cwd / "sub" / "Dockerfile")
    assert sources(cwd, context="linked").dirs["dockerfile"] == cwd / "sub"
    (cwd / "linked" / "inner").symlink_to("Dockerfile2")
    (cwd / "linked" / "Dockerfile2").touch()
    found = sources(cwd, context="linked", dockerfile="inner")
    assert found.attrs["filename"] == "inner"


def test_an_inline_dockerfile_needs_no_file(cwd: Path) -> None:
    (cwd / "Dockerfile").unlink()
    found = sources(cwd, dockerfile_inline="FROM a\n", dockerfile="ignored")
    assert found.dirs["dockerfile"] == {"Dockerfile": b"FROM a\n"}
    assert found.attrs == {"filename": "Dockerfile"}
    assert found.dockerfile == "inline"


@pytest.mark.parametrize(
    "url",
    ["https://github.com/a/b.git#main:sub", "git://host/a", "github.com/a/b", "http://h/x.tgz"],
)
def test_a_remote_context_is_left_to_the_daemon(cwd: Path, url: str) -> None:
    assert is_remote(url)
    found = sources(cwd, context=url, dockerfile="build/Dockerfile")
    assert found.attrs == {"context": url, "filename": "build/Dockerfile"}
    assert found.dirs == {}


def test_a_local_dockerfile_with_a_remote_context(cwd: Path) -> None:
    for fields in ({"dockerfile": "cwd://Dockerfile"}, {"dockerfile_inline": "FROM a"}):
        found = sources(cwd, context="https://h/r.git", **fields)
        assert found.attrs["dockerfilekey"] == "dockerfile"
        assert list(found.dirs) == ["dockerfile"]


def test_missing_things_are_told_apart(cwd: Path) -> None:
    with pytest.raises(SessionError, match="context 'nowhere' does not exist"):
        sources(cwd, context="nowhere")
    with pytest.raises(SessionError, match="context 'Dockerfile' is not a directory"):
        sources(cwd, context="Dockerfile")
    with pytest.raises(FrontendError, match="there is no Dockerfile 'sub/nope'"):
        sources(cwd, context="sub", dockerfile="nope")
    with pytest.raises(FrontendError) as caught:
        sources(cwd, dockerfile="sub")
    assert "no file" in caught.value.detail
    with pytest.raises(SessionError, match=r"contexts\.x 'nowhere' does not exist"):
        sources(cwd, contexts={"x": "nowhere"})


@pytest.mark.parametrize(
    "context", ["docker-image://a", "docker-image:/a", "target:b", "oci-layout://x"]
)
def test_contexts_that_can_only_be_named(cwd: Path, context: str) -> None:
    with pytest.raises(UnsupportedAttributeError, match="neither a directory nor a URL"):
        sources(cwd, context=context)


@pytest.mark.parametrize(
    "url", ["git@github.com:a/b.git", "ssh://git@host/a.git", "user@host://../../dir"]
)
def test_repositories_behind_ssh(cwd: Path, url: str) -> None:
    assert sources(cwd, context=url).attrs["context"] == url
    assert sources(cwd, contexts={"x": url}, ssh=(Ssh(),)).attrs["context:x"] == url
    assert sources(cwd, context=url, contexts={"x": url}).attrs["context:x"] == url
    with pytest.raises(UnsupportedAttributeError, match="'x' needs SSH") as caught:
        sources(cwd, contexts={"x": url})
    assert 'ssh = ["default"]' in caught.value.hint


def test_a_dockerfile_is_not_fetched(cwd: Path) -> None:
    with pytest.raises(UnsupportedAttributeError, match="is a URL"):
        sources(cwd, dockerfile="https://h/Dockerfile")


def test_named_contexts(cwd: Path) -> None:
    contexts = {
        "dir": "sub",
        "context": "sub",
        "alpine:latest": "docker-image://alpine:3",
        "docker.io/library/debian": "docker-image://debian:12",
        "docker.io/me/app:1": "https://h/r.git",
    }
    found = sources(cwd, contexts=contexts)
    assert found.attrs == {
        "filename": "Dockerfile",
        "frontend.caps": CONTEXTS,
        "context:dir": "local:dir",
        "context:context": "local:_context",
        "context:alpine": "docker-image://alpine:3",
        "context:debian": "docker-image://debian:12",
        "context:me/app:1": "https://h/r.git",
    }
    assert found.dirs["dir"] == found.dirs["_context"] == cwd / "sub"
    assert found.dirs["context"] == cwd


async def test_a_layout_is_offered_by_digest(cwd: Path) -> None:
    one, two = await layout(cwd / "lay", "latest", "v2")
    plain = sources(cwd, contexts={"x": "oci-layout://lay"})
    (store,) = plain.layouts
    assert plain.layouts[store] == cwd / "lay"
    assert plain.attrs["context:x"] == f"oci-layout://{store}@{one}"
    tagged = sources(cwd, contexts={"x": "oci-layout://lay:v2"})
    assert tagged.attrs["context:x"] == f"oci-layout://{store}:v2@{two}"
    pinned = sources(cwd, contexts={"x": f"oci-layout://lay:any@{DIGEST}"})
    assert pinned.attrs["context:x"] == f"oci-layout://{store}:any@{DIGEST}"


async def test_layouts_that_do_not_help(cwd: Path) -> None:
    await layout(cwd / "lay", "a", "b")
    with pytest.raises(SessionError, match="names no image"):
        sources(cwd, contexts={"x": "oci-layout://lay:c"})
    with pytest.raises(SessionError, match="is no OCI layout"):
        sources(cwd, contexts={"x": "oci-layout://nowhere"})
    with pytest.raises(SessionError, match="there is no directory 'nowhere'"):
        sources(cwd, contexts={"x": f"oci-layout://nowhere@{DIGEST}"})
    (cwd / "lay" / "index.json").write_text("[]")
    with pytest.raises(SessionError):
        sources(cwd, contexts={"x": "oci-layout://lay:a"})


@dataclass
class Content:
    layout: Path
    root: Descriptor


def test_linked_targets_come_from_their_content(cwd: Path) -> None:
    digest = Digest.parse(DIGEST)
    root = Descriptor(media_type=OCI_MANIFEST, digest=digest, size=1)
    target = Target(name="t", contexts={"base": "target:other"})
    found = gather(target, {"base": Content(cwd / "lay", root)}, cwd)
    (store,) = found.layouts
    assert found.attrs["context:base"] == f"oci-layout://{store}@{DIGEST}"
    with pytest.raises(UnsupportedAttributeError, match="which was not built"):
        gather(target, {}, cwd)


def test_linked_targets_for_other_platforms(cwd: Path) -> None:
    root = Descriptor(media_type=OCI_MANIFEST, digest=Digest.parse(DIGEST), size=1)
    steps = Graph(definition=b"x", config=b"{}")
    target = Target(name="t", contexts={"docker.io/library/base:latest": "target:other"})
    name = next(iter(target.contexts))
    inputs: dict[str, LinkedContent | Graph] = {
        name: steps,
        f"{name}::linux/arm64": steps,
        f"{name}::linux/arm/v7": Content(cwd, root),
    }
    found = gather(target, inputs, cwd)
    assert found.attrs["context:base"] == "input:context:base"
    assert found.attrs["context:base::linux/arm64"] == "input:context:base::linux/arm64"
    assert "input-metadata:context:base::linux/arm64" in found.attrs
    assert found.attrs["context:base::linux/arm/v7"].startswith("oci-layout://")
    assert set(found.graphs) == {"context:base", "context:base::linux/arm64"}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_is_a_context(cwd: Path, mode: Literal["w", "w:gz"]) -> None:
    with tarfile.open(cwd / "context.tar", mode) as archive:
        archive.add(cwd / "Dockerfile", "Dockerfile")
    found = sources(cwd, context="context.tar", dockerfile="sub/Dockerfile")
    ((name, path),) = found.uploads.items()
    assert path == cwd / "context.tar"
    assert found.attrs == {
        "context": f"http://buildkit-session/{name}",
        "filename": "sub/Dockerfile",
    }
    assert found.dirs == {}
    assert sources(cwd, context="./context.tar").uploads == found.uploads


def test_another_file_is_no_context(cwd: Path) -> None:
    with pytest.raises(SessionError, match="context 'Dockerfile' is not a directory"):
        sources(cwd, context="Dockerfile")

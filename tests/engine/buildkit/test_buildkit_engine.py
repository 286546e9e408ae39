"""The BuildKit engine against a real daemon, on both wires where the daemon has them."""

from __future__ import annotations

import asyncio
import json
import os
import tarfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from bakex.api.machine import Platforms
from bakex.errors import (
    EntitlementError,
    FrontendError,
    NodeLostError,
    RegistryError,
    SessionError,
    StepFailedError,
)
from bakex.events import StepChanged
from bakex.model.caches import CacheEntry
from bakex.model.index import Index
from bakex.model.media_types import OCI_INDEX
from bakex.model.node import Feature, Speed
from bakex.model.platform import Platform
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree
from bakex.model.secrets import Secret
from bakex.oci.layout import OciLayout
from bakex.platforms.ability import Way
from bakex.platforms.tiny import CODES, program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.model.descriptor import Descriptor
    from tests.conftest import LoopbackRegistry
    from tests.engine.buildkit.conftest import Bench, MakeBench, Relay

pytestmark = pytest.mark.engine

SHELL = """\
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin GREETING=hello
"""


def unique() -> str:
    """A line that no build before has had, so that nothing is cached behind it."""
    return f"ENV UNIQUE={os.urandom(8).hex()}\n"


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return {member.name.rstrip("/") for member in tar}


# ---------------------------------------------------------------- builds


async def test_the_daemon_says_what_it_is(bench: Bench) -> None:
    info = await bench.engine.probe()
    assert next(iter(info.platforms.values())) is Speed.NATIVE
    assert info.features >= {
        Feature.IMAGE_PUSH,
        Feature.OCI_EXPORT,
        Feature.NAMED_CONTEXTS,
        Feature.OCI_LAYOUT_CONTEXTS,
        Feature.ATTESTATIONS,
    }


async def test_steps_run_and_their_output_comes(bench: Bench) -> None:
    bench.write(SHELL + unique() + "RUN echo $GREETING; echo warm >&2\n")
    await bench.build()
    assert bench.output == "hello\nwarm\n" or set(bench.output.split()) == {"hello", "warm"}
    await bench.build()
    assert any("RUN echo" in name for name in bench.cached)


async def test_secrets_reach_steps_and_nothing_else(bench: Bench, tmp_path: Path) -> None:
    (bench.cwd / "file").write_text("from a file")
    bench.write(
        SHELL
        + unique()
        + "RUN --mount=type=secret,id=a,required --mount=type=secret,id=b,required "
        + "wc -c < /run/secrets/a; cat /run/secrets/b\n"
    )
    secrets = (Secret(id="a", env="TOKEN"), Secret(id="b", src="file"))
    await bench.build(SaveTar(file=tmp_path / "t.tar"), secret=secrets)
    assert bench.output.split("\n") == ["7", "from a file"]
    assert "run/secrets/a" not in set(names(tmp_path / "t.tar"))


async def test_an_inline_dockerfile(bench: Bench, tmp_path: Path) -> None:
    await bench.build(
        SaveTar(file=tmp_path / "t.tar"), dockerfile_inline="FROM scratch\nCOPY busybox /b\n"
    )
    assert names(tmp_path / "t.tar") == {"b"}


async def test_a_dockerfile_elsewhere_and_its_ignore_file(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "app.Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (tmp_path / "app.Dockerfile.dockerignore").write_text("busybox\n")
    (bench.cwd / "kept").touch()
    await bench.build(SaveTar(file=tmp_path / "t.tar"), dockerfile="../app.Dockerfile")
    assert names(tmp_path / "t.tar") == {"kept"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
async def test_an_archive_is_a_context(
    bench: Bench, tmp_path: Path, mode: Literal["w", "w:gz", "w:xz"]
) -> None:
    bench.write(f"FROM scratch\nCOPY . /\nENV U={os.urandom(8).hex()}\n")
    with tarfile.open(bench.cwd / "context.tar", mode) as archive:
        archive.add(bench.cwd / "Dockerfile", "sub/Dockerfile")
        archive.add(bench.cwd / "busybox", "sub/busybox")
    await bench.build(
        SaveTar(file=tmp_path / "t.tar"), context="context.tar", dockerfile="sub/Dockerfile"
    )
    assert names(tmp_path / "t.tar") == {"sub", "sub/Dockerfile", "sub/busybox"}


async def test_options_of_steps(plain: Bench) -> None:
    plain.write(SHELL + unique() + "RUN df -k /dev/shm | tail -1; ulimit -n; cat /etc/hosts\n")
    await plain.build(
        shm_size="100m", ulimits=("nofile=1024:2048",), extra_hosts={"elsewhere": "192.0.2.7"}
    )
    assert "102400" in plain.output
    assert "\n1024\n" in plain.output
    assert "192.0.2.7\telsewhere" in plain.output


async def test_no_cache_runs_everything_again(plain: Bench) -> None:
    plain.write(SHELL + unique() + "RUN echo again\n")
    for _ in range(2):
        await plain.build(no_cache=True)
    assert plain.output == "again\nagain\n"


# ---------------------------------------------------------------- outputs


async def test_an_image_becomes_a_layout(bench: Bench, tmp_path: Path) -> None:
    bench.write("FROM scratch\nCOPY busybox /\n" + unique())
    request = SaveImage(layout=tmp_path / "layout")
    result = await bench.build(request, annotations=("note=this",), labels={"a.b": "c"})
    (root,) = result.exports
    assert root is not None
    layout = OciLayout.open(tmp_path / "layout")
    manifest = json.loads(layout.path(root.digest).read_bytes())
    assert manifest["annotations"]["note"] == "this"
    for blob in [manifest["config"], *manifest["layers"]]:
        hexadecimal = blob["digest"].removeprefix("sha256:")
        assert (tmp_path / "layout/blobs/sha256" / hexadecimal).stat().st_size == blob["size"]
    assert result.metadata["containerimage.digest"] == str(root.digest)


async def test_files_come_as_a_tree_and_as_an_archive(bench: Bench, tmp_path: Path) -> None:
    bench.write("FROM scratch\nCOPY busybox /a/b\n" + unique())
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "mine").write_text("stays")
    result = await bench.build(
        SaveTree(directory=tmp_path / "tree"), SaveTar(file=tmp_path / "t.tar")
    )
    assert result.exports == (None, None)
    assert same(tmp_path / "tree/a/b", bench.cwd / "busybox")
    assert (tmp_path / "tree/mine").read_text() == "stays"
    assert names(tmp_path / "t.tar") == {"a", "a/b"}


def fetch(registry: LoopbackRegistry, repository: str, root: Descriptor) -> bytes:
    request = urllib.request.Request(
        f"{registry.url}/v2/{repository}/manifests/{root.digest}",
        headers={"Accept": root.media_type},
    )
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
        return content


def tags(registry: LoopbackRegistry, repository: str) -> Path:
    return registry.root / f"docker/registry/v2/repositories/{repository}/_manifests/tags"


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


async def test_images_are_pushed_by_digest_and_leave_no_name(
    bench: Bench, registry: LoopbackRegistry
) -> None:
    bench.write("FROM scratch\nCOPY busybox /\n" + unique())
    repositories = tuple(f"{registry.host}/pushed/{name}" for name in ("one", "two"))
    result = await bench.build(PushImage(repositories=repositories, insecure=True))
    (root,) = result.exports
    assert root is not None
    for repository in ("pushed/one", "pushed/two"):
        raw = await asyncio.to_thread(fetch, registry, repository, root)
        assert len(raw) == root.size
        # The default provenance makes it an index.
        assert root.media_type == OCI_INDEX
        entries = Index.parse(raw, root.media_type).manifests
        assert [entry.is_attestation for entry in entries] == [False, True]
        assert not tags(registry, repository).exists()


async def test_cells_of_a_target_run_together_and_send_the_context_once(
    bench: Bench, tmp_path: Path
) -> None:
    (bench.cwd / "big").write_bytes(os.urandom(4 << 20))
    bench.write("FROM scratch\nCOPY busybox big /\n" + unique())
    platforms = ["linux/amd64", "linux/arm64", "linux/s390x", "linux/arm/v7"]
    request = SaveImage(layout=tmp_path / "layout")
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(bench.build(request, platform=platform)) for platform in platforms
        ]
    roots = [task.result().exports[0] for task in tasks]
    assert len({root.digest for root in roots if root}) == len(platforms)
    layers = {
        layer["digest"]
        for root in roots
        if root
        for layer in json.loads((tmp_path / "layout/blobs/sha256" / root.digest.hex).read_bytes())[
            "layers"
        ]
    }
    assert len(layers) == 1


# Those that others register and remove meanwhile are left out.
@pytest.mark.parametrize("architecture", sorted(CODES.keys() - {"s390x", "mips64le"}))
async def test_a_foreign_program_runs_or_fails_with_the_remedy(
    plain: Bench, architecture: str
) -> None:
    platform = Platform.parse(f"linux/{architecture}")
    known = Platforms(plain.settings)
    made = program(platform, known.catalogue.profiles[platform].binary)
    assert made is not None
    (plain.cwd / "tiny").write_bytes(made)
    (plain.cwd / "tiny").chmod(0o755)
    plain.write("FROM scratch\nCOPY tiny /\n" + unique() + 'RUN ["/tiny"]\n')
    (way,) = [ability.way for ability in known.abilities() if ability.platform == platform]
    if way is not Way.MISSING:
        await plain.build(platform=str(platform))
        assert plain.output == "ok\n"
        speed = plain.cell(str(platform)).speed
        told = {e.speed for e in plain.events.events if isinstance(e, StepChanged)}
        assert told == {None, speed}
        return
    with pytest.raises(StepFailedError) as caught:
        await plain.build(platform=str(platform))
    assert f"bakex platform install {platform} --node node" in caught.value.hint
    assert "has no emulator for programs of" in caught.value.detail


# ---------------------------------------------------------------- named contexts, caches


class Content:
    def __init__(self, layout: Path, root: Descriptor) -> None:
        self.layout = layout
        self.root = root


async def test_a_target_uses_another_ones_content(bench: Bench, tmp_path: Path) -> None:
    bench.write(SHELL + unique(), "base.Dockerfile")
    bench.write("FROM base\n" + unique() + "RUN echo $GREETING from below\n")
    saved = await bench.build(SaveImage(layout=tmp_path / "base"), dockerfile="base.Dockerfile")
    (root,) = saved.exports
    assert root is not None
    linked = {"base": Content(tmp_path / "base", root)}
    await bench.build(inputs=linked, contexts={"base": "target:base"})
    assert bench.output == "hello from below\n"
    await OciLayout.open(tmp_path / "base").tag(root, "v1")
    context = {"base": f"oci-layout://{tmp_path / 'base'}:v1"}
    await bench.build(contexts=context, no_cache=True)
    assert bench.output == "hello from below\n" * 2


async def test_a_directory_is_a_named_context(plain: Bench, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    plain.write("FROM scratch\nCOPY --from=other file /\n")
    await plain.build(SaveTar(file=tmp_path / "t.tar"), contexts={"other": "../other"})
    assert names(tmp_path / "t.tar") == {"file"}


async def test_a_local_cache_is_written_and_read(bench: Bench, tmp_path: Path) -> None:
    bench.write("FROM scratch\nCOPY busybox /\n" + unique())
    where = str(tmp_path / "cache")
    await bench.build(cache_to=(CacheEntry(type="local", attrs={"dest": where, "mode": "max"}),))
    assert OciLayout.open(Path(where)).index().find("latest") is not None
    await bench.build(cache_from=(CacheEntry(type="local", attrs={"src": where}),))
    assert any("COPY busybox" in name for name in bench.cached)
    assert any(
        isinstance(e, StepChanged) and e.name.startswith("importing cache manifest")
        for e in bench.events.events
    )


# ---------------------------------------------------------------- failures

FAILURES: Sequence[tuple[str, dict[str, Any], type[Exception], str]] = [
    (SHELL + "RUN echo compiling; echo oops >&2; exit 3\n", {}, StepFailedError,
     "'echo compiling; echo oops >&2; exit 3' ended with exit code 3"),
    (SHELL + "RUN nosuchprogram\n", {}, StepFailedError, "exit code 127"),
    ("FROM scratch\nCOPY missing /\n", {}, FrontendError, "'/missing' is not in the build context"),
    ("FROM scratch\nFOO bar\n", {}, FrontendError, "malformed: unknown instruction: FOO"),
    ("# nothing\n", {}, FrontendError, "the Dockerfile is empty"),
    ("FROM scratch\nCOPY busybox /\n", {"target": "nope"}, FrontendError, "has no stage 'nope'"),
    (SHELL + "RUN --mount=type=secret,id=tok,required true\n", {}, SessionError, "secret 'tok'"),
    (SHELL, {"entitlements": ("security.insecure",)}, EntitlementError, "security.insecure"),
    ("FROM 127.0.0.1:1/nope:1\nRUN true\n", {}, RegistryError, "127.0.0.1:1/nope:1 cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("dockerfile", "fields", "kind", "text"), FAILURES)
async def test_failures_say_what_and_where(
    plain: Bench, dockerfile: str, fields: dict[str, Any], kind: type[Exception], text: str
) -> None:
    plain.write(dockerfile)
    with pytest.raises(kind) as caught:
        await plain.build(**fields)
    assert text in str(caught.value)
    assert "app@linux/amd64" in str(caught.value)


async def test_a_failed_step_shows_its_line_and_its_last_words(bench: Bench) -> None:
    bench.write(SHELL + "RUN for i in $(seq 50); do echo line $i; done; false\n")
    with pytest.raises(StepFailedError) as caught:
        await bench.build()
    assert caught.value.span is not None
    assert caught.value.span.line == 5
    lines = caught.value.detail.splitlines()
    assert (len(lines), lines[1], lines[-1]) == (21, "line 31", "line 50")


async def test_a_push_that_is_refused(plain: Bench) -> None:
    plain.write("FROM scratch\nCOPY busybox /\n")
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1/x cannot be pushed"):
        await plain.build(PushImage(repositories=("127.0.0.1:1/x",)))


async def test_a_failed_build_leaves_no_archive(plain: Bench, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    plain.write(SHELL + "RUN false\n")
    with pytest.raises(StepFailedError):
        await plain.build(SaveTar(file=tmp_path / "out" / "t.tar"))
    assert list((tmp_path / "out").iterdir()) == []


async def test_cancelling_stops_the_step_within_a_second(bench: Bench) -> None:
    marker = os.urandom(8).hex()
    bench.write(SHELL + f"RUN echo begun; sleep 987 && echo {marker}\n")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(bench.build())
        async with asyncio.timeout(30):
            await bench.events.output.wait()
        task.cancel()
        async with asyncio.timeout(1):
            await asyncio.wait([task])
    assert task.cancelled()
    ends = [e.error for e in bench.events.events if isinstance(e, StepChanged) and e.error]
    assert ends == ["cancelled"]
    # The connection is as good as before.
    bench.write(SHELL + "RUN true\n")
    await bench.build()


async def test_a_lost_connection_is_a_lost_node(
    make_bench: MakeBench, relay: Relay, tmp_path: Path
) -> None:
    bench = make_bench(at=relay.endpoint)
    bench.write(SHELL + f"RUN echo begun; sleep 987 && echo {os.urandom(8).hex()}\n")

    async def lose() -> None:
        with pytest.raises(NodeLostError) as caught:
            await bench.build()
        assert str(tmp_path / "relay") in str(caught.value)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(lose())
        await bench.events.output.wait()
        relay.cut()

"""Caching, parallel steps, the network of RUN steps, and the same result as the reference."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import TestEngine
    from tests.e2e.conftest import Bakex, Layout

EPOCH = "1700000000"


@pytest.fixture
def project(tmp_path: Path, hello_base: str) -> Path:
    """Return a folder with a bake file whose target has two stages that do not need one another."""
    (tmp_path / "docker-bake.json").write_text(
        json.dumps(
            {
                "target": {
                    "default": {
                        "contexts": {"base": hello_base},
                        "platforms": ["linux/amd64", "linux/arm64", "linux/riscv64"],
                        "output": ["type=cacheonly"],
                    }
                }
            }
        )
    )
    (tmp_path / "Dockerfile").write_text(
        "FROM base AS one\nCOPY one .\nRUN echo first && sleep 2 && touch /one\n"
        "FROM base AS two\nCOPY two .\nRUN echo second && sleep 2 && touch /two\n"
        "FROM scratch\nCOPY --from=one /one /one\nCOPY --from=two /two /two\n"
    )
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    return tmp_path


def vertices(text: str) -> dict[str, dict[str, Any]]:
    """Return the last state of each step in a rawjson stream, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for line in text.splitlines():
        if line.startswith("{"):
            for vertex in json.loads(line).get("vertexes") or []:
                found.setdefault(vertex["name"], {}).update(vertex)
    return found


def test_independent_steps_overlap_and_are_cached(
    bakex: Bakex, project: Path, allow: list[str]
) -> None:
    command = ("bake", "--progress", "rawjson", *allow)
    first = vertices(bakex(*command, "--no-cache", cwd=project).stderr)
    sleeping = [v for name, v in first.items() if "sleep 2" in name]
    assert len(sleeping) == 6
    # Six steps of two seconds: all are running at one moment, on however many processors.
    assert max(v["started"] for v in sleeping) < min(v["completed"] for v in sleeping)
    bakex(*command, cwd=project)
    again = vertices(bakex(*command, cwd=project).stderr)
    steps = {name: v for name, v in again.items() if "RUN" in name or "COPY" in name}
    assert len(steps) >= 12
    assert all(v.get("cached") for v in steps.values()), steps
    (project / "two").write_text("changed")
    changed = vertices(bakex(*command, cwd=project).stderr)
    ran = {name for name, v in changed.items() if "RUN" in name and not v.get("cached")}
    kept = {name for name, v in changed.items() if "RUN" in name and v.get("cached")}
    assert len(ran) == 3
    assert all("second" in name for name in ran)
    assert len(kept) == 3
    assert all("first" in name for name in kept)


@pytest.fixture
def greeter() -> Iterator[int]:
    """Return the port of a web server on the host's loopback address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"reached\n")

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_steps_have_a_network_in_the_private_engine(
    bakex: Bakex, project: Path, allow: list[str], greeter: int, engine: TestEngine
) -> None:
    if not engine.endpoint.private:
        pytest.skip("not bakex's private engine: its network is its owner's affair")
    (project / "Dockerfile").write_text(
        f"FROM base AS get\nRUN wget -q -O /answer http://127.0.0.1:{greeter}/\n"
        "FROM scratch\nCOPY --from=get /answer /answer\n"
    )
    bakex(
        *("bake", "--set", "*.platform=linux/amd64", *allow, "--no-cache"),
        *("--set", f"*.output=type=local,dest={project / 'out'}"),
        cwd=project,
    )
    assert (project / "out" / "answer").read_text() == "reached\n"


def test_the_same_as_the_reference(
    bakex: Bakex,
    project: Path,
    allow: list[str],
    reference_buildx: Path,
    engine: TestEngine,
    read_layout: type[Layout],
) -> None:
    (project / "Dockerfile").write_text(
        "FROM base\nARG TARGETPLATFORM\nLABEL platform=$TARGETPLATFORM\n"
        'COPY one two /data/\nWORKDIR /data\nENV MODE=test\nCMD ["cat", "one"]\n'
    )
    ours, theirs = project / "ours", project / "theirs"
    options = "tar=false,rewrite-timestamp=true"
    bakex(
        *("bake", *allow, "--no-cache", "--provenance=false"),
        *("--set", f"*.output=type=oci,{options},dest={ours}"),
        cwd=project,
        SOURCE_DATE_EPOCH=EPOCH,
    )
    scheme = "unix" if engine.endpoint.wire == "docker" else ""
    assert scheme, "the reference is asked over docker's socket"
    command = [
        *(str(reference_buildx), "bake", "--no-cache", "--provenance=false", "--progress=plain"),
        *("--set", f"*.output=type=oci,rewrite-timestamp=true,dest={theirs}.tar"),
    ]
    environment = {
        **engine.environment,
        "DOCKER_HOST": engine.endpoint.address,
        "SOURCE_DATE_EPOCH": EPOCH,
        "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
    }
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    theirs.mkdir()
    subprocess.run(["tar", "-C", theirs, "-xf", f"{theirs}.tar"], check=True)
    mine, reference = read_layout(ours), read_layout(theirs)
    found, expected = mine.images(), reference.images()
    assert list(found) == list(expected)
    for platform, manifest in found.items():
        other = expected[platform]
        assert manifest["layers"] == other["layers"], platform
        config = mine.json(manifest["config"]["digest"])
        assert config == reference.json(other["config"]["digest"]), platform

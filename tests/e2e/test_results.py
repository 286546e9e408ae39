"""Resuming, shards and merging with a real daemon, a real registry, and jobs of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LoopbackRegistry
    from tests.e2e.conftest import Bakex

FIVE = """
group "default" { targets = ["a", "b", "c", "d", "e"] }
target "each" {
  name = n
  matrix = { n = ["a", "b", "c", "d", "e"] }
  context = n
  platforms = ["linux/amd64"]
  tags = ["HOST/${n}:1"]
}
"""
TWO = """
target "default" {
  platforms = ["linux/amd64", "linux/arm64"]
  tags = ["HOST/app:1", "HOST/app:latest"]
}
"""
DOCKERFILE = "FROM scratch\nARG TARGETARCH\nCOPY file-$TARGETARCH /file\n"
ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a bake file, whose images go to repositories of its own."""

    folder: Path
    host: str
    state: str

    def write(self, text: str) -> None:
        (self.folder / "docker-bake.hcl").write_text(text.replace("HOST", self.host))

    def result(self, name: str = "result.json") -> Any:
        return json.loads((self.folder / name).read_bytes())

    def ask(self, method: str, path: str) -> tuple[int, bytes]:
        registry, _, prefix = self.host.partition("/")
        request = urllib.request.Request(
            f"http://{registry}/v2/{prefix}/{path}", method=method, headers={"Accept": ACCEPT}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    def tags(self, name: str) -> list[str]:
        code, raw = self.ask("GET", f"{name}/tags/list")
        found: list[str] = (json.loads(raw)["tags"] or []) if code == 200 else []
        return sorted(found)

    def platforms(self, name: str, tag: str) -> list[str]:
        _, raw = self.ask("GET", f"{name}/manifests/{tag}")
        places = [entry["platform"] for entry in json.loads(raw)["manifests"]]
        return [place["architecture"] for place in places if place["os"] != "unknown"]


@pytest.fixture
def project(tmp_path: Path, registry: LoopbackRegistry) -> Project:
    folder = tmp_path / "project"
    folder.mkdir()
    unique = tmp_path.name.lower().replace("_", "-").strip("-")
    return Project(folder, f"{registry.host}/{unique}", str(tmp_path / "state"))


@pytest.fixture
def five(project: Project) -> Project:
    """Return five targets, of which the first one cannot be built."""
    project.write(FIVE)
    for name in "abcde":
        (project.folder / name).mkdir()
        (project.folder / name / "file").write_text(f"{name} {project.host}")
        (project.folder / name / "Dockerfile").write_text("FROM scratch\nCOPY file /file\n")
    (project.folder / "a" / "file").unlink()
    return project


@pytest.fixture
def two(project: Project) -> Project:
    """Return a target of two platforms in a git repository."""
    project.write(TWO)
    for word in ("amd64", "arm64"):
        (project.folder / f"file-{word}").write_text(f"{word} {project.host}")
    (project.folder / "Dockerfile").write_text(DOCKERFILE)
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "one")
    return project


def git(project: Project, *arguments: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *names, *arguments], cwd=project.folder, check=True)


def started(text: str) -> set[str]:
    """Return the targets whose steps were run or found in the cache."""
    return {
        line.split()[1].strip("[")
        for line in text.splitlines()
        if " linux/" in line and "[" in line and "#0" not in line
    }


PLAIN = ("--progress", "plain")


def test_four_of_five_are_kept_and_one_is_built_by_the_resumption(
    bakex: Bakex, five: Project
) -> None:
    arguments = ["bake", "--push", "--keep-going", "--result", "result.json", *PLAIN]
    failed = bakex(*arguments, cwd=five.folder, code=1, XDG_STATE_HOME=five.state)
    last = failed.stderr.rstrip().splitlines()[-1]
    assert last == f"resume with: bakex resume {five.folder}/result.json"
    record = five.result()
    assert record["state"] == "failed"
    states = {cell["target"]: cell["state"] for cell in record["cells"]}
    assert states == {"a": "failed", "b": "done", "c": "done", "d": "done", "e": "done"}
    digests = [image["root"]["digest"] for cell in record["cells"] for image in cell["pushed"]]
    assert len(set(digests)) == 4
    assert all(five.tags(name) == [] for name in "abcde")

    gone = record["cells"][2]["pushed"][0]["root"]["digest"]
    assert five.ask("DELETE", f"c/manifests/{gone}")[0] == 202
    (five.folder / "a" / "file").write_text("mended")
    done = bakex("resume", "result.json", *PLAIN, cwd=five.folder, XDG_STATE_HOME=five.state)
    assert started(done.stderr) == {"a", "c"}
    assert f"warning[BX3102]: c@linux/amd64 is built again: {gone} is not complete" in done.stderr
    assert all(five.tags(name) == ["1"] for name in "abcde")


def test_the_resumption_runs_one_build(bakex: Bakex, five: Project) -> None:
    arguments = ["bake", "--push", "-k", *PLAIN]
    failed = bakex(*arguments, cwd=five.folder, code=1, XDG_STATE_HOME=five.state)
    *_, last = failed.stderr.split()
    (five.folder / "a" / "file").write_text("mended")
    done = bakex("resume", last, *PLAIN, cwd=five.folder.parent, XDG_STATE_HOME=five.state)
    assert "4 of 5 builds are recorded as done" in done.stderr
    assert started(done.stderr) == {"a"}
    assert all(five.tags(name) == ["1"] for name in "abcde")


def test_a_changed_bake_file_is_not_resumed(bakex: Bakex, five: Project) -> None:
    arguments = ["bake", "--push", "-k", "--result", "result.json", *PLAIN]
    bakex(*arguments, cwd=five.folder, code=1, XDG_STATE_HOME=five.state)
    five.write(FIVE.replace(":1", ":2"))
    refused = bakex("resume", "result.json", cwd=five.folder, code=3, XDG_STATE_HOME=five.state)
    assert "error[BX2006]: result.json is about another definition" in refused.stderr


def shards(bakex: Bakex, project: Project, *words: str) -> None:
    for word in words or ("amd64", "arm64"):
        shard = ["--shard", f"platform=linux/{word}", "--result", f"{word}.json"]
        done = bakex(
            *("bake", "--push", *shard, *PLAIN), cwd=project.folder, XDG_STATE_HOME=project.state
        )
        assert done.stderr.rstrip().endswith("publish with bakex merge when all shards are done")
        assert project.tags("app") == []


def test_two_shards_become_one_image(bakex: Bakex, two: Project) -> None:
    shards(bakex, two)
    assert two.result("arm64.json")["shard"] == ["linux/arm64"]
    merged = bakex("merge", "arm64.json", "amd64.json", cwd=two.folder, XDG_STATE_HOME=two.state)
    assert two.tags("app") == ["1", "latest"]
    assert two.platforms("app", "1") == ["amd64", "arm64"]
    assert "(linux/amd64, linux/arm64)" in merged.stderr
    again = bakex("bake", "--push", cwd=two.folder, XDG_STATE_HOME=two.state)
    assert "unchanged" in again.stderr


@pytest.mark.parametrize("what", ["platform", "commit", "definition"])
def test_what_is_not_merged(bakex: Bakex, two: Project, what: str) -> None:
    shards(bakex, two, "amd64")
    names = ["amd64.json", "arm64.json"]
    if what == "platform":
        names.pop()
    else:
        if what == "commit":
            git(two, "commit", "--quiet", "--allow-empty", "-m", "two")
            shards(bakex, two, "arm64")
        else:
            shards(bakex, two, "arm64")
            two.write(TWO.replace("app:1", "app:2"))
    code, word = {"platform": (9, "BX5602"), "commit": (8, "BX5601"), "definition": (3, "BX2006")}[
        what
    ]
    refused = bakex("merge", *names, cwd=two.folder, code=code, XDG_STATE_HOME=two.state)
    assert f"error[{word}]" in refused.stderr
    assert two.tags("app") == []


def test_the_matrix_names_the_shards(bakex: Bakex, two: Project) -> None:
    found = json.loads(bakex("ci", "matrix", cwd=two.folder, XDG_STATE_HOME=two.state).stdout)
    assert [row["name"] for row in found["include"]] == ["linux-amd64", "linux-arm64"]


@pytest.mark.parametrize("line", range(1, 12, 2))
def test_an_interruption_leaves_a_record_and_no_tag(bakex: Bakex, five: Project, line: int) -> None:
    (five.folder / "a" / "file").write_text("there")
    arguments = ["bake", "--push", "--result", "result.json", "--no-cache", *PLAIN]
    process = bakex.start(*arguments, cwd=five.folder, XDG_STATE_HOME=five.state)
    assert process.stdout is not None
    try:
        said = [process.stdout.readline() for _ in range(line)]
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
    text = "".join(said) + rest
    assert "Traceback" not in text
    record = five.result()
    tagged = [name for name in "abcde" if five.tags(name)]
    if process.returncode == 130:
        assert record["state"] == "cancelled", text
        assert tagged == [], text
        assert all(cell["state"] != "running" for cell in record["cells"])
    else:  # everything was done before the signal came
        assert (process.returncode, record["state"], len(tagged)) == (0, "succeeded", 5), text
    left = {path.name for path in five.folder.iterdir()} - set("abcde")
    assert left == {"docker-bake.hcl", "result.json"}
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)

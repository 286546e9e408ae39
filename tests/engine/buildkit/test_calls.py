"""``bakex bake --call`` against ``docker buildx bake --call``, on the same daemon."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.model.node import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import TestEngine

DOCKERFILE = """\
# build the thing
FROM scratch AS base
ARG NAME=x
# app is the app
FROM base as app
# WHO whom to greet
ARG WHO="the whole world"
ENV A b
RUN --mount=type=secret,id=token,required true
RUN --mount=type=ssh,id=git true
"""
BAKE = """\
group "default" { targets = ["two", "one"] }
target "one" {
  description = "the first"
  context = "sub"
}
target "two" {
  dockerfile-inline = "FROM scratch as x\\nCOPY <&> /é\\n"
}
target "bad" {
  dockerfile-inline = "FROM scratch\\nFOO bar\\n"
}
"""


class Both:
    """The two commands, in the same directory and on the same daemon."""

    def __init__(self, engine: TestEngine, buildx: Path, cwd: Path) -> None:
        self.cwd = cwd
        self.engine = engine
        self.buildx = buildx

    def run(
        self, *argv: str | Path, progress: str = "quiet", **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*argv, "--progress", progress],
            cwd=self.cwd,
            env={**self.engine.environment, **env},
            capture_output=True,
            text=True,
            check=False,
        )

    def ours(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(Path(sys.executable).with_name("bakex"), "bake", *arguments)

    def theirs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        docker = self.engine.endpoint.address
        return self.run(self.buildx, "bake", *arguments, DOCKER_HOST=docker)

    def same(self, *arguments: str) -> str:
        ours, theirs = self.ours(*arguments), self.theirs(*arguments)
        assert (masked(ours.stdout), ours.returncode) == (masked(theirs.stdout), theirs.returncode)
        return ours.stdout


def masked(text: str) -> str:
    """Return a document without the steps that read the Dockerfile: they name the session."""
    return re.sub(r'"definition": \{.*?"language"', '"language"', text, flags=re.DOTALL)


@pytest.fixture
def both(engine: TestEngine, reference_buildx: Path, tmp_path: Path) -> Both:
    if engine.endpoint.wire is not Wire.DOCKER:
        pytest.skip("the reference is given no builder here, only a dockerd")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "docker-bake.hcl").write_text(BAKE)
    return Both(engine, reference_buildx, tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--call", "outline"),
        ("--call", "targets"),
        ("--call", "subrequests.describe"),
        ("--call", "outline,format=json"),
        ("--call", "targets,format=json"),
        ("--call", "subrequests.describe,format=json", "one"),
        ("--call", "outline,format=unknown,ignorestatus=true", "one"),
    ],
    ids=" ".join,
)
def test_answers_are_the_references(both: Both, arguments: Sequence[str]) -> None:
    assert both.same(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [("--check",), ("--check", "bad"), ("--call", "check,format=json", "one", "bad"),
     ("--call", "check,ignorestatus=true")],
    ids=" ".join,
)  # fmt: skip
def test_checks_are_the_references(both: Both, arguments: Sequence[str]) -> None:
    if "has no method 'lint'" not in both.ours("--check", "one").stderr:
        assert both.same(*arguments)
        return
    # Frontends before Dockerfile 1.8 do not check: then both have to say so, and to fail.
    ours, theirs = both.ours(*arguments), both.theirs(*arguments)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (1, "")
    assert "lint" in theirs.stderr


def test_a_method_that_is_not_there(both: Both) -> None:
    ours, theirs = both.ours("--call", "nope", "one"), both.theirs("--call", "nope", "one")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (1, "")
    assert "the frontend has no method 'nope'" in ours.stderr


def test_a_dockerfile_that_cannot_be_read(both: Both) -> None:
    ours, theirs = both.ours("--call", "outline", "bad"), both.theirs("--call", "outline", "bad")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (1, "")
    assert "malformed: unknown instruction: FOO" in ours.stderr


def test_a_call_in_the_file_and_a_build_beside_it(both: Both) -> None:
    (both.cwd / "docker-bake.hcl").write_text(
        'target "asked" {\n  context = "sub"\n  call = "targets"\n'
        '  contexts = { base = "target:built" }\n}\n'
        'target "built" {\n  dockerfile-inline = "FROM scratch\\nCOPY sub /\\n"\n'
        '  output = ["type=local,dest=out"]\n}\n'
    )
    found = both.ours("asked", "built")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines()[0] == "asked"
    assert (both.cwd / "out/Dockerfile").read_text() == DOCKERFILE

"""Runs of ``bake`` whose answers were recorded from docker/buildx v0.36.1.

`bake-cases.jsonl` holds the files, the arguments, the environment and the answer of each run. What
was printed must be the same to the byte. Where the reference fails, this must fail too, and on the
same line of the same file where it names one; the words are not compared. Deliberate differences
are listed in DEVIATIONS.md.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakex.bake import listing, show
from bakex.bake.definition import load
from bakex.bake.entitlements import Grant
from bakex.bake.flags import Flags, as_overrides, variables
from bakex.bake.functions.function import Context
from bakex.bake.resolve import resolve
from bakex.errors import BakexError, UsageError
from bakex.sources.folder import Folder
from bakex.sources.inputs import check_inputs
from bakex.sources.local import find

pytestmark = pytest.mark.conformance

HERE = Path(__file__).parent


def cases() -> list[dict[str, Any]]:
    lines = (HERE / "bake-cases.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(allow_abbrev=False)
    options.add_argument("names", nargs="*")
    options.add_argument("--list", default="")
    options.add_argument("--print", action="store_true")
    options.add_argument("-f", "--file", action="append", default=[])
    for name in ("set", "var", "allow", "policy"):
        options.add_argument(f"--{name}", action="append", default=[])
    for name in ("call", "sbom", "provenance"):
        options.add_argument(f"--{name}", default="")
    for name in ("push", "load", "check", "no-cache", "pull", "list-targets"):
        options.add_argument(f"--{name}", nargs="?", const="true", default="")
    return options


def joined(args: list[str]) -> list[str]:
    """Return arguments with the optional values of flags where argparse wants them."""
    flags = {"--push", "--load", "--check", "--no-cache", "--pull", "--list-targets"}
    return [f"{arg}=true" if arg in flags else arg for arg in args]


def bake(case: dict[str, Any], cwd: Path) -> str:
    given = parser().parse_intermixed_args(joined(case["args"]))
    if given.list and given.print:
        raise UsageError("--print and --list exclude each other")
    environ = {"HOME": str(cwd), "PATH": "/usr/bin:/bin", **case.get("env", {})}
    Grant.parse(given.allow)
    overrides = as_overrides(
        Flags(
            set=given.set,
            push=given.push == "true",
            load=given.load == "true",
            call="check" if given.check == "true" else given.call,
            no_cache=given.no_cache == "true" if given.no_cache else None,
            pull=given.pull == "true" if given.pull else None,
            sbom=given.sbom,
            provenance=given.provenance,
            policy=given.policy,
        )
    )
    wanted = "targets" if given.list_targets else given.list
    shape = listing.Listing.parse(wanted) if wanted else None
    definition = load(
        find(given.file, cwd=cwd, environ=environ, stdin=lambda: case.get("stdin", "").encode()),
        variables=variables(given.var),
        environ=environ,
        platform="linux/amd64",
        context=context(),
        reader=Folder(cwd),
        dotenv=lambda: Folder(cwd).read(".env"),
    )
    if shape:
        return listing.text(definition, shape)
    resolution = resolve(definition, given.names, overrides)
    check_inputs(resolution.targets.values(), cwd=cwd, environ=environ)
    return show.text(resolution)


def context() -> Context:
    return Context(
        now=lambda: datetime(2024, 3, 5, 7, 8, 9, tzinfo=UTC),
        random_bytes=lambda count: bytes(range(count)),
        home="/home/user",
    )


@pytest.mark.parametrize("case", cases(), ids=lambda case: str(case["id"]))
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    for name, text in case.get("files", {}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    if "stdout" in case:
        assert bake(case, tmp_path) == case["stdout"]
        return
    with pytest.raises(BakexError) as caught:
        bake(case, tmp_path)
    if case["fails"]:
        spans = [found.span for found in caught.value.diagnostics() if found.span]
        assert case["fails"] in [f"{span.file}:{span.line}" for span in spans]

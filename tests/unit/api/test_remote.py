from __future__ import annotations

import gc
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from bakex import api
from bakex.api.privileges import request
from bakex.api.remote import as_built
from bakex.bake import show
from bakex.config import Settings, load
from bakex.errors import ConfigError, DefinitionError

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.bake.resolve import Resolution
    from tests.unit.conftest import Repository, Web

TEXT = """
group "default" { targets = ["root", "sub", "here", "cmd"] }
target "root" {}
target "sub" {
  context = "sub"
  contexts = { r = ".", s = "sub/deep", h = "cwd://h", t = "target:root" }
}
target "here" { context = "cwd://h" }
target "cmd" { context = BAKE_CMD_CONTEXT }
"""


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    path = tmp_path / "cwd"
    (path / "h").mkdir(parents=True)
    return path


def settings(cwd: Path, **environ: str) -> Settings:
    return load({"HOME": str(cwd.parent), "PATH": os.environ["PATH"], **environ}, cwd=cwd)


def printed(resolution: Resolution) -> dict[str, object]:
    targets = json.loads(show.text(resolution))["target"]
    return {name: target["context"] for name, target in targets.items()}


def put_archive(web: Web, text: str) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("docker-bake.hcl", text), ("sub/deep/file", "x")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    web.pages["/x.tgz"] = buffer.getvalue()
    return f"{web.url}/x.tgz"


def test_a_repository(web: Web, repo: Repository, cwd: Path) -> None:
    repo.commit({"docker-bake.hcl": TEXT, "sub/docker-bake.hcl": 'target "default" {}'})
    url = f"{web.url}/git/repo.git#main"
    found = api.define(settings(cwd), url=url, check=True)
    assert printed(found) == {"root": url, "sub": f"{url}:sub", "here": "h", "cmd": "."}
    assert show.text(found).count('"s": "sub/deep"') == 1
    built = as_built(settings(cwd), found)
    assert built.targets["sub"].contexts == {
        "r": url,
        "s": f"{url}:sub/deep",
        "h": "cwd://h",
        "t": "target:root",
    }
    assert as_built(settings(cwd), built) == built
    other = api.define(settings(cwd), url=url, context_url="https://host/c.git", targets=["cmd"])
    assert printed(other) == {"cmd": "https://host/c.git"}
    below = api.define(settings(cwd), url=f"{url}:sub")
    assert printed(below) == {"default": f"{url}:sub"}
    assert [v.name for v in api.read(settings(cwd), url=url).variables] == []


def test_credentials_go_to_the_build_and_are_not_shown(
    web: Web, repo: Repository, cwd: Path
) -> None:
    found = settings(cwd, BUILDX_BAKE_GIT_AUTH_TOKEN="s3cret")
    url = f"{web.url}/git/repo.git"
    resolution = api.define(found, url=url, check=True)
    host = web.url.removeprefix("http://")
    (secret,) = as_built(found, resolution).targets["default"].secret
    assert (secret.id, secret.env) == (f"GIT_AUTH_TOKEN.{host}", "BUILDX_BAKE_GIT_AUTH_TOKEN")
    assert "GIT_AUTH" not in show.text(resolution)
    assert "s3cret" not in repr(resolution)


def test_an_archive_stays_as_long_as_it_may_be_built(web: Web, cwd: Path) -> None:
    url = put_archive(web, TEXT)
    found = api.define(settings(cwd), url=url, check=True)
    assert printed(found) == {"root": url, "sub": f"{url}#:sub", "here": "h", "cmd": "."}
    (tree,) = (settings(cwd).cache / "definitions").iterdir()
    built = as_built(settings(cwd), found)
    assert built.targets["root"].context == str(tree)
    assert built.targets["sub"].contexts["s"] == f"cwd://{tree}/sub/deep"
    assert request(settings(cwd), found).lacking == ()
    del found, built
    gc.collect()
    assert not tree.exists()


def test_a_single_file_is_as_a_local_one(web: Web, cwd: Path) -> None:
    web.pages["/x.hcl"] = TEXT.encode()
    environ = {"BUILDX_BAKE_FILE_RELATIVE_PATHS": "1"}
    found = api.define(settings(cwd, **environ), url=f"{web.url}/x.hcl", check=True)
    assert printed(found) == {"root": ".", "sub": "sub", "here": "h", "cmd": "."}
    assert as_built(settings(cwd), found) == found


def test_paths_are_not_relative_to_remote_files(web: Web, repo: Repository, cwd: Path) -> None:
    repo.commit({"d/docker-bake.hcl": TEXT})
    (cwd / "l").mkdir()
    (cwd / "l" / "x.hcl").write_text('target "sub" { context = "cwd://y" }')
    found = api.define(
        settings(cwd, BUILDX_BAKE_FILE_RELATIVE_PATHS="1"),
        url=f"{web.url}/git/repo.git",
        files=["d/docker-bake.hcl", "cwd://l/x.hcl"],
    )
    url = f"{web.url}/git/repo.git"
    assert printed(found) == {"root": url, "sub": "y", "here": "h", "cmd": "."}


def test_files_that_the_environment_names(web: Web, repo: Repository, cwd: Path) -> None:
    (cwd / "sub").mkdir()
    (cwd / "sub" / "x.hcl").touch()
    found = api.define(
        settings(cwd, BUILDX_BAKE_FILE="sub/x.hcl"),
        url=f"{web.url}/git/repo.git",
        targets=["x"],
    )
    assert found.requested == ("x",)


def test_paths_of_this_machine_must_be_granted(web: Web, cwd: Path) -> None:
    text = """
    target "default" {
      context = "cwd://../outside"
      contexts = { etc = "cwd:///etc", inner = "/etc" }
    }
    """
    found = api.define(settings(cwd), url=put_archive(web, text))
    asked = request(settings(cwd), found)
    assert [str(item) for item in asked.blocking] == ["fs.read=../outside", "fs.read=/etc"]
    allowed = settings(cwd, BAKE_ALLOW_REMOTE_FS_ACCESS="1")
    assert request(allowed, found).blocking == ()
    both = settings(cwd, BAKE_ALLOW_REMOTE_FS_ACCESS="1", BUILDX_BAKE_ENTITLEMENTS_FS="1")
    assert len(request(both, found).blocking) == 2
    with pytest.raises(ConfigError, match="BAKE_ALLOW_REMOTE_FS_ACCESS"):
        request(settings(cwd, BAKE_ALLOW_REMOTE_FS_ACCESS="maybe"), found)


def test_the_setting_is_for_remote_definitions_only(cwd: Path) -> None:
    (cwd / "docker-bake.hcl").write_text('target "default" { context = "/etc" }')
    allowed = settings(cwd, BAKE_ALLOW_REMOTE_FS_ACCESS="1")
    assert request(allowed, api.define(allowed)).blocking != ()


@pytest.mark.parametrize(
    ("attributes", "refused"),
    [
        ("", True),
        ('dockerfile = "D"', True),
        ('dockerfile = "nope"', False),
        ('dockerfile = "cwd://h/D"', False),
        ('dockerfile = "https://host/D"', False),
        ('dockerfile-inline = "FROM scratch"', False),
    ],
)
def test_a_local_context_has_no_remote_dockerfile(
    web: Web, cwd: Path, attributes: str, *, refused: bool
) -> None:
    for name in ("D", "Dockerfile"):
        (cwd / "h" / name).touch()
    text = f'target "default" {{\n  context = "cwd://h"\n  {attributes}\n}}'
    url = put_archive(web, text)
    if refused:
        with pytest.raises(DefinitionError, match="local context") as caught:
            api.define(settings(cwd), url=url, check=True)
        assert "cwd://" in caught.value.hint
    else:
        api.define(settings(cwd), url=url, check=True)
    web.pages["/x.hcl"] = text.encode()
    api.define(settings(cwd), url=f"{web.url}/x.hcl", check=True)


def test_git_over_ssh_needs_an_agent(cwd: Path, repo: Repository, tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "ssh").write_text('#!/bin/sh\nfor last; do :; done; exec sh -c "$last"\n')
    (directory / "ssh").chmod(0o755)
    found = settings(cwd, PATH=f"{directory}:{os.environ['PATH']}")
    resolution = api.define(found, url=f"git@host:{repo.bare}")
    assert [ssh.id for ssh in as_built(found, resolution).targets["default"].ssh] == ["default"]
    assert "ssh" not in json.loads(show.text(resolution))["target"]["default"]
    assert [str(item) for item in request(found, resolution).blocking] == ["ssh"]
    with pytest.raises(DefinitionError, match="agent"):
        api.check(found, resolution)

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

import pytest

from bakex.bake.entitlements import (
    Entitlement,
    Grant,
    Kind,
    described,
    flags,
    layout_path,
    missing,
    needed,
    refusal,
)
from bakex.errors import DefinitionError, UsageError
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh
from bakex.model.target import Target

CWD = PurePosixPath("/project/dir")


def lacking(target: Target, *allow: str, overrides: tuple[str, ...] = ()) -> list[str]:
    found = missing(
        [target], Grant.parse(allow, overrides), cwd=CWD, resolve_path=posixpath.normpath
    )
    return [str(entitlement) for entitlement in found]


def app(**values: object) -> Target:
    return Target(name="app", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        (app(), []),
        (app(network="host"), ["network.host"]),
        (app(entitlements=("security.insecure", "device=x")), ["security.insecure", "device=x"]),
        (app(context="/src"), ["fs.read=/src"]),
        (app(context="sub"), []),
        (app(context="../other"), ["fs.read=../other"]),
        (app(context="https://host/x.git", dockerfile="/etc/D"), []),
        (app(dockerfile="/etc/D"), ["fs.read=/etc/D"]),
        (app(dockerfile="../../D"), ["fs.read=./../../D"]),
        (app(dockerfile="cwd://../D"), ["fs.read=../D"]),
        (app(dockerfile="/etc/D", dockerfile_inline="FROM scratch"), []),
        (app(dockerfile="https://host/D"), []),
        (app(contexts={"a": "/a", "b": "target:b", "c": "docker-image://c"}), ["fs.read=/a"]),
        (app(contexts={"a": "oci-layout:///l:v1"}), ["fs.read=/l"]),
        (app(contexts={"a": "cwd://../x"}), ["fs.read=../x"]),
        (app(cache_from=(CacheEntry(type="local", attrs={"src": "/c"}),)), ["fs.read=/c"]),
        (app(cache_to=(CacheEntry(type="local", attrs={"dest": "/c"}),)), ["fs.write=/c"]),
        (app(secret=(Secret(id="s", src="/s"),)), ["fs.read=/s"]),
        (app(secret=(Secret(id="s", env="V"),)), []),
        (app(ssh=(Ssh(),)), ["ssh"]),
        (app(ssh=(Ssh(paths=("/k",)),)), ["fs.read=/k"]),
        (app(context="git@host:x"), ["ssh"]),
        (app(output=(Output(type="local", dest="/o"),)), ["fs.write=/o"]),
        (app(output=(Output(type="tar", dest="-"), Output(type="image"))), []),
        (
            app(output=(Output(type="local", dest="o", attrs={"mode": "delete"}),)),
            ["buildx.local.delete"],
        ),
    ],
)
def test_what_is_asked_for(target: Target, asked: list[str]) -> None:
    assert lacking(target) == asked
    # What is missing is granted by the options that the refusal names.
    offered = [flag.removeprefix("--allow=") for flag in flags(missing(
        [target], Grant(), cwd=CWD, resolve_path=posixpath.normpath
    ))]  # fmt: skip
    assert lacking(target, *offered) == []


@pytest.mark.parametrize(
    ("grant", "asked"),
    [
        ("fs.read=/src", []),
        ("fs=/src", []),
        ("fs.read=/", []),
        ("fs=*", []),
        ("fs.read=/src/a", ["fs.read=/src"]),
        ("fs.read=/sr", ["fs.read=/src"]),
        ("fs.write=/src", ["fs.read=/src"]),
        ("network.host", ["fs.read=/src"]),
    ],
)
def test_paths_are_granted_with_what_is_below_them(grant: str, asked: list[str]) -> None:
    assert lacking(app(context="/src"), grant) == asked


def test_links_are_resolved_before_paths_are_compared() -> None:
    found = missing(
        [app(context="sub")],
        Grant(),
        cwd=CWD,
        resolve_path=lambda path: path.replace("/project/dir/sub", "/secret"),
    )
    assert found == (Entitlement(Kind.READ, "sub"),)


@pytest.mark.parametrize("grant", ["device", "device=x"])
def test_a_device_is_granted_by_name_or_in_general(grant: str) -> None:
    assert lacking(app(entitlements=("device=x",)), grant) == []
    assert lacking(app(entitlements=("device=x",)), "device=y") == ["device=x"]


def test_a_path_below_another_is_not_listed() -> None:
    target = app(context="/src", contexts={"a": "/src/a", "b": "/srcs"})
    assert lacking(target) == ["fs.read=/src", "fs.read=/srcs"]


def test_all_targets_count_together() -> None:
    targets = [app(context="/a"), app(context="/b"), app(context="/a")]
    found = missing(targets, Grant(), cwd=CWD, resolve_path=posixpath.normpath)
    assert [entitlement.value for entitlement in found] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("override", "target"),
    [
        ("a.output=type=local,dest=/o", app(output=(Output(type="local", dest="/o"),))),
        ("a.cache-from=type=local,src=/c", app(cache_from=(
            CacheEntry(type="local", attrs={"src": "/c"}),
        ))),
        ("a.cache-to=type=local,dest=/c", app(cache_to=(
            CacheEntry(type="local", attrs={"dest": "/c"}),
        ))),
        ("a.secrets=id=s,src=/s", app(secret=(Secret(id="s", src="/s"),))),
        ("a.secret.s=src=/s", app(secret=(Secret(id="s", src="/s"),))),
        ("a.ssh=default=/k", app(ssh=(Ssh(paths=("/k",)),))),
        ("a.entitlements=network.host", app(network="host")),
    ],
)  # fmt: skip
def test_the_command_line_grants_the_paths_that_it_names(override: str, target: Target) -> None:
    assert lacking(target) != []
    assert lacking(target, overrides=(override,)) == []


@pytest.mark.parametrize(
    ("override", "target"),
    [
        ("a.context=/src", app(context="/src")),
        ("a.args.X", app(context="/src")),
        ("a.output=", app(context="/src")),
        (
            "a.output=type=local,dest=o,mode=delete",
            app(output=(Output(type="local", dest="o", attrs={"mode": "delete"}),)),
        ),
    ],
)
def test_what_the_command_line_does_not_grant(override: str, target: Target) -> None:
    assert lacking(target, overrides=(override,)) == lacking(target) != []


@pytest.mark.parametrize("text", ["foo", "buildx.local.delete=x", "network.host=x", "ssh="])
def test_malformed_grants(text: str) -> None:
    with pytest.raises(UsageError):
        Grant.parse([text])


def test_image_privileges_are_accepted() -> None:
    grant = Grant.parse(["image.push=x", "image", "", "image.load"])
    assert [e.kind for e in grant.entitlements] == [Kind.IMAGE_PUSH, Kind.IMAGE, Kind.IMAGE_LOAD]


def test_an_unknown_entitlement() -> None:
    with pytest.raises(DefinitionError, match="foo"):
        needed([app(entitlements=("foo",))])


def test_words_and_options() -> None:
    asked = [
        Entitlement(Kind.NETWORK_HOST),
        Entitlement(Kind.SECURITY_INSECURE),
        Entitlement(Kind.DEVICE),
        Entitlement(Kind.DEVICE, "x"),
        Entitlement(Kind.DELETE),
        Entitlement(Kind.SSH),
        Entitlement(Kind.READ, "/a"),
        Entitlement(Kind.READ, "/b"),
        Entitlement(Kind.WRITE, "/a"),
        Entitlement(Kind.WRITE, "/c"),
    ]
    assert described(asked) == (
        "Running build containers that can access host network",
        "Running privileged containers that can make system changes",
        "Access to CDI devices",
        "Access to device x",
        "Deleting stale files from local output destinations",
        "Forwarding default SSH agent socket",
        "Read and write access to path /a",
        "Read access to path /b",
        "Write access to path /c",
    )
    assert flags(asked)[-3:] == ("--allow=fs=/a", "--allow=fs.read=/b", "--allow=fs.write=/c")
    error = refusal(asked[:1])
    assert error.hint == "pass --allow=network.host"
    assert error.detail == "- Running build containers that can access host network"


@pytest.mark.parametrize(
    ("context", "path"),
    [
        ("oci-layout://l", "l"),
        ("oci-layout://l:v1", "l"),
        ("oci-layout://l@sha256:" + "a" * 64, "l"),
        ("oci-layout://l:v1@sha256:" + "a" * 64, "l"),
        ("oci-layout:///a/b:c/d", "/a/b:c/d"),
    ],
)
def test_layout_path(context: str, path: str) -> None:
    assert layout_path(context) == path

"""Logging in: what is named, tried, kept and left over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bakex.api.login import Logins, Place
from bakex.config import load
from bakex.errors import UnauthorizedError, UsageError
from bakex.model.secrets import SecretValue
from bakex.registry.credential import Credential
from bakex.registry.credentials import DockerKeychain
from bakex.registry.tokens import Scope
from bakex.testing.registry import Access, FakeRegistry, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bakex.config import Settings

GOOD, BAD = SecretValue(b"hunter2"), SecretValue(b"hunter3")


@pytest.fixture
def guarded() -> Iterator[FakeRegistry]:
    auth = RegistryAuth(access=Access.TOKEN, users={"joe": "hunter2"}, identities=frozenset({"id"}))
    with FakeRegistry(auth=auth) as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"HOME": str(tmp_path)}, cwd=tmp_path)


def auths(file: Path) -> Any:
    return json.loads(file.read_text())["auths"]


@pytest.mark.parametrize(
    ("registry", "scope", "wanted"),
    [
        ("", "", "docker.io"),
        ("https://index.docker.io/v1/", "", "docker.io"),
        ("registry-1.docker.io", "", "docker.io"),
        ("https://ghcr.io", "", "ghcr.io"),
        ("localhost", "", "localhost"),
        ("127.0.0.1:5000", "team/app@pull,push", "127.0.0.1:5000/team/app@pull,push"),
        ("ghcr.io", "@push", "ghcr.io@push"),
        ("", "app", "docker.io/library/app"),
    ],
)
def test_what_is_named(registry: str, scope: str, wanted: str) -> None:
    assert str(Place.parse(registry, scope)) == wanted


def test_what_a_token_server_is_asked_for() -> None:
    def asked(scope: str) -> set[Scope]:
        return set(Place.parse("ghcr.io", scope).scopes)

    assert asked("") == asked("@push") == set()
    assert asked("a/b") == {Scope("a/b", frozenset({"pull"}))}
    assert asked("a/b@pull,push") == {Scope("a/b", frozenset({"pull", "push"}))}


@pytest.mark.parametrize(
    ("registry", "scope"),
    [
        ("ghcr", ""),
        ("ghcr.io/team", ""),
        ("-x.io", ""),
        ("ghcr.io", "../x"),
        ("ghcr.io", "Team"),
        ("ghcr.io", "app:1"),
        ("ghcr.io", "app@../x"),
        ("ghcr.io", "app@"),
    ],
)
def test_what_names_nothing(registry: str, scope: str) -> None:
    with pytest.raises(UsageError):
        Place.parse(registry, scope)


async def test_in_and_out(settings: Settings, guarded: FakeRegistry, tmp_path: Path) -> None:
    place, logins = Place.parse(guarded.host), Logins(settings)
    done = await logins.login(place, "joe", GOOD)
    assert (done.proven, done.has_token, done.shadow) == (True, False, None)
    assert done.kept.file == tmp_path / ".docker" / "config.json"
    assert await logins.login(place, "joe", GOOD) == done
    known = await DockerKeychain(settings).credentials(guarded.host)
    assert known == Credential(username="joe", secret="hunter2")
    assert (await logins.logout(place)).known
    assert not (await logins.logout(place)).known
    assert await DockerKeychain(settings).credentials(guarded.host) is None


async def test_a_wrong_password_is_not_kept(
    settings: Settings, guarded: FakeRegistry, tmp_path: Path
) -> None:
    place, logins = Place.parse(guarded.host), Logins(settings)
    with pytest.raises(UnauthorizedError):
        await logins.login(place, "joe", BAD)
    assert not (tmp_path / ".docker").exists()
    await logins.login(place, "joe", GOOD)
    before = (tmp_path / ".docker" / "config.json").read_bytes()
    with pytest.raises(UnauthorizedError):
        await logins.login(place, "joe", BAD)
    assert (tmp_path / ".docker" / "config.json").read_bytes() == before


async def test_an_identity_token(settings: Settings, guarded: FakeRegistry) -> None:
    place, logins = Place.parse(guarded.host), Logins(settings)
    assert (await logins.login(place, "", SecretValue(b"id"))).has_token
    known = await DockerKeychain(settings).credentials(guarded.host)
    assert known == Credential(secret="id", is_token=True)


async def test_a_part_of_a_host(settings: Settings, guarded: FakeRegistry, tmp_path: Path) -> None:
    place, logins = Place.parse(guarded.host, "team/app@push"), Logins(settings)
    done = await logins.login(place, "joe", GOOD)
    folder = tmp_path / ".docker" / "buildx" / "config" / guarded.host / "team" / "app@push"
    assert done.kept.file == folder / "config.json"
    assert guarded.auth.issued == ["repository:team/app:push"]
    keys = DockerKeychain(settings)
    assert await keys.credentials(guarded.host) is None
    assert await keys.credentials(guarded.host, "team/app", frozenset({"push"})) is not None
    assert (await logins.logout(place)).known
    assert auths(folder / "config.json") == {}


async def test_other_files_are_told_of(
    settings: Settings, guarded: FakeRegistry, tmp_path: Path
) -> None:
    other = tmp_path / ".config" / "containers" / "auth.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps({"auths": {guarded.host: {"auth": "eDp5"}}}))
    place, logins = Place.parse(guarded.host), Logins(settings)
    assert (await logins.login(place, "joe", GOOD)).shadow == other
    assert (await logins.logout(place)).left == (other,)


@pytest.mark.parametrize(
    ("name", "secret"), [("a:b", b"x"), ("a\n", b"x"), ("a", b""), ("", b""), ("a", b"\xff")]
)
async def test_what_cannot_be_credentials(settings: Settings, name: str, secret: bytes) -> None:
    with pytest.raises(UsageError):
        await Logins(settings).login(Place.parse("ghcr.io"), name, SecretValue(secret))

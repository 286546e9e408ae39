"""The registry client that is made when it is first used."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakex.api.registries import Registries
from bakex.config import load
from bakex.interfaces import TokenSource
from bakex.model.reference import Reference
from bakex.model.secrets import SecretValue
from bakex.registry import client
from bakex.registry.credentials import DockerKeychain
from bakex.testing.clock import ManualClock

TOKEN = SecretValue(b"token")


@pytest.fixture
def registries() -> Registries:
    settings = load({"HOME": "/nowhere"}, cwd=Path("/nowhere"))
    return Registries(keychain=DockerKeychain(settings), settings=settings, clock=ManualClock())


async def test_closing_what_was_never_used(
    registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(client, "RegistryClient")  # whoever made one would fail
    await registries.aclose()
    await registries.aclose()


async def test_one_client_serves_all(registries: Registries) -> None:
    one = registries.repository(Reference.parse("r.example/a:1"))
    assert registries.repository(Reference.parse("r.example/a:2")) is one
    await registries.aclose()


async def test_tokens(registries: Registries, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    async def server(_self: object, host: str) -> str:
        asked.append((host,))
        return "https://tokens.example"

    async def issue(_self: object, *words: object) -> tuple[SecretValue, float]:
        asked.append(words)
        return TOKEN, 60.0

    monkeypatch.setattr(client.RegistryClient, "token_server", server)
    monkeypatch.setattr(client.RegistryClient, "issue", issue)
    assert isinstance(registries, TokenSource)
    assert await registries.token_server("r.example") == "https://tokens.example"
    assert await registries.issue("r.example", "service", ["pull"]) == (TOKEN, 60.0)
    assert asked == [("r.example",), ("r.example", "service", ["pull"])]
    await registries.aclose()

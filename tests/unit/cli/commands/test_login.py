"""`bakex login`, down to a registry."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

from bakex.cli.main import entry
from bakex.testing.registry import Access, FakeRegistry, RegistryAuth

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import FakeBackend


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_only_a_good_password_is_kept(
    backend: FakeBackend,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    auth = RegistryAuth(access=Access.BASIC, users={"joe": "hunter2"})
    file = tmp_path / ".docker" / "config.json"
    with FakeRegistry(auth=auth) as registry:

        def login(data: bytes) -> int:
            stdin(monkeypatch, data)
            words = ["login", registry.host, "-u", "joe", "--password-stdin"]
            return entry(words, backend=backend)

        assert login(b"wrong") == 5
        out, err = capsys.readouterr()
        assert out == ""
        assert "hint: check the name and the password" in err
        assert not file.exists()
        assert login(b"hunter2\n") == 0
        out, err = capsys.readouterr()
        assert out == f"logged in to {registry.host} as joe\n"
        assert f"the password is kept unencrypted in {file}" in err
        assert "hunter2" not in out + err
        other = tmp_path / ".config" / "containers" / "auth.json"
        other.parent.mkdir(parents=True)
        other.write_text(json.dumps({"auths": {registry.host: {"auth": "eDp5"}}}))
        assert login(b"hunter2\n") == 0
        assert f"{other} has credentials for {registry.host}, too" in capsys.readouterr().err


def test_an_open_registry_checks_nothing(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin(monkeypatch, b"id")
    with FakeRegistry() as registry:
        words = ["login", registry.host, "--identity-token-stdin"]
        assert entry(words, backend=backend) == 0
        out, err = capsys.readouterr()
    assert out == f"logged in to {registry.host}\n"
    assert "asks nobody for a login" in err
    assert "the identity token is kept unencrypted" in err

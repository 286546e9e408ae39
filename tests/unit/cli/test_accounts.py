"""Where secrets come from."""

from __future__ import annotations

import getpass
import io
import sys

import pytest

from bakex.cli import accounts
from bakex.errors import UsageError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (b"a b", b"a b"),
        (b"a b\n", b"a b"),
        (b"a b\r\n", b"a b"),
        (b" a\n\n", b" a\n"),
        (b"", b""),
    ],
)
def test_one_end_of_line_is_not_part_of_a_secret(
    monkeypatch: pytest.MonkeyPatch, given: bytes, wanted: bytes
) -> None:
    stdin(monkeypatch, given)
    name, secret = accounts.credentials("joe", password_stdin=True, token_stdin=False)
    assert (name, secret.reveal()) == ("joe", wanted)
    stdin(monkeypatch, given)
    name, secret = accounts.credentials("", password_stdin=False, token_stdin=True)
    assert (name, secret.reveal()) == ("", wanted)


@pytest.mark.parametrize(
    ("name", "password", "token", "said"),
    [
        ("", True, False, "needs a user name"),
        ("joe", False, True, "without a user name"),
        ("", True, True, "without a user name"),
        ("joe", False, False, "no terminal"),
        ("joe", True, False, "more than"),
    ],
)
def test_what_does_not_fit_together(
    monkeypatch: pytest.MonkeyPatch, name: str, password: bool, token: bool, said: str
) -> None:
    stdin(monkeypatch, b"x" * (1 << 20) + b"xx")
    with pytest.raises(UsageError, match=said):
        accounts.credentials(name, password_stdin=password, token_stdin=token)


def test_people_are_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(prompt: str) -> str:
        assert prompt == "Password: "
        return "hunter2"

    monkeypatch.setattr(getpass, "getpass", asked)
    monkeypatch.setattr(sys, "stdin", Terminal("joe \n"))
    name, secret = accounts.credentials("", password_stdin=False, token_stdin=False)
    assert (name, secret.reveal()) == ("joe", b"hunter2")
    assert capsys.readouterr().err == "Username: "
    with pytest.raises(UsageError, match="no user name"):
        accounts.credentials("", password_stdin=False, token_stdin=False)
    with pytest.raises(UsageError, match="where it is shown"):
        accounts.credentials("joe", password_stdin=True, token_stdin=False)

    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", ended)
    with pytest.raises(UsageError, match="no password"):
        accounts.credentials("joe", password_stdin=False, token_stdin=False)

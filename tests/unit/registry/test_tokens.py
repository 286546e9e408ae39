"""From a challenge to a token, without I/O."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bakex.errors import RegistryError, UnauthorizedError
from bakex.registry.challenge import Challenge
from bakex.registry.credential import Credential
from bakex.registry.errors import Answer
from bakex.registry.tokens import Scope, Token, TokenRequest, covers, exchange, pull, push, union

if TYPE_CHECKING:
    from collections.abc import Generator

CHALLENGE = Challenge("bearer", {"realm": "https://auth.example.com/token?a=1", "service": "reg"})
SCOPES = frozenset({push("team/app"), pull("base")})
PASSWORD = Credential(username="joe", secret="hunter2")
IDENTITY = Credential(secret="idtoken", is_token=True)


def answer(status: int = 200, /, **fields: object) -> Answer:
    return Answer(status=status, headers=httpx.Headers(), url="", body=json.dumps(fields).encode())


def ends(steps: Generator[TokenRequest, Answer, Token], last: Answer) -> Token:
    with pytest.raises(StopIteration) as caught:
        steps.send(last)
    token = caught.value.value
    assert isinstance(token, Token)
    return token


def test_without_credentials_it_asks_anonymously() -> None:
    steps = exchange(CHALLENGE, SCOPES, None, host="reg")
    request = next(steps)
    assert (request.method, request.authorization, request.form) == ("GET", "", b"")
    assert parse_qs(urlsplit(request.url).query) == {
        "a": ["1"],
        "service": ["reg"],
        "scope": ["repository:base:pull", "repository:team/app:pull,push"],
    }
    assert ends(steps, answer(token="t", expires_in=120)) == Token(value="t", life_s=120.0)


def test_a_password_goes_along_as_basic() -> None:
    request = next(exchange(CHALLENGE, SCOPES, PASSWORD, host="reg"))
    scheme, _, value = request.authorization.partition(" ")
    assert (scheme, base64.b64decode(value)) == ("Basic", b"joe:hunter2")
    assert "hunter2" not in repr(request)


def test_an_identity_token_is_exchanged_by_post() -> None:
    steps = exchange(CHALLENGE, SCOPES, IDENTITY, host="reg")
    request = next(steps)
    assert (request.method, request.url) == ("POST", CHALLENGE.parameters["realm"])
    form = parse_qs(request.form.decode())
    assert form["grant_type"] == ["refresh_token"]
    assert form["refresh_token"] == ["idtoken"]
    assert form["scope"] == ["repository:base:pull repository:team/app:pull,push"]
    token = ends(steps, answer(access_token="t", refresh_token="next"))
    assert (token.value, token.refresh, token.life_s) == ("t", "next", 60.0)
    assert "idtoken" not in repr(request)
    assert "next" not in repr(token)


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_where_post_is_unknown_it_falls_back_to_get(status: int) -> None:
    steps = exchange(CHALLENGE, SCOPES, IDENTITY, host="reg")
    next(steps)
    request = steps.send(answer(status))
    assert (request.method, request.authorization) == ("GET", "")


def test_a_refusal_names_the_token_server() -> None:
    steps = exchange(CHALLENGE, SCOPES, PASSWORD, host="reg")
    next(steps)
    with pytest.raises(UnauthorizedError, match=r"get a token from auth\.example\.com"):
        steps.send(answer(401, errors=[{"code": "UNAUTHORIZED"}]))


@pytest.mark.parametrize(
    "fields",
    [{}, {"token": ""}, {"token": 5}, {"token": "a\r\nX-Evil: 1"}, {"token": "ü"}],
)
def test_no_token_is_an_error(fields: dict[str, object]) -> None:
    steps = exchange(CHALLENGE, SCOPES, None, host="reg")
    next(steps)
    with pytest.raises(RegistryError, match="gave no token"):
        steps.send(answer(200, **fields))


def test_no_json_is_an_error() -> None:
    steps = exchange(
        Challenge("bearer", {"realm": "https://u:p@h/t"}), frozenset(), None, host="reg"
    )
    next(steps)
    broken = Answer(status=200, headers=httpx.Headers(), url="", body=b"<html>")
    with pytest.raises(RegistryError, match="token server h gave"):
        steps.send(broken)


@pytest.mark.parametrize("life", [None, 0, -1, "soon", True])
def test_a_strange_life_is_the_shortest(life: object) -> None:
    steps = exchange(CHALLENGE, SCOPES, None, host="reg")
    next(steps)
    found = ends(steps, answer(token="t", expires_in=life)).life_s
    assert found == 60.0


def test_scopes_are_joined_and_compared() -> None:
    merged = union([pull("a"), push("a"), pull("b")])
    assert merged == frozenset({push("a"), pull("b")})
    assert str(push("a")) == "repository:a:pull,push"
    assert covers(merged, [pull("a")])
    assert not covers(merged, [push("b")])
    assert not covers([Scope("a", frozenset({"pull"}))], [push("a")])
    assert covers([], [])

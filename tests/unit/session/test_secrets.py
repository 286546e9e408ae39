from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex._pb import bk_pb2 as pb
from bakex.errors import SessionError
from bakex.model.secrets import Secret, SecretValue
from bakex.session.attachable import CallError, Status
from bakex.session.secrets import MAX_SECRET_SIZE, Secrets, secret_source
from bakex.testing.calls import unary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


async def get(source: Callable[[], SecretValue], secret_id: str = "token") -> bytes:
    (handler,) = Secrets({"token": source}).services().values()
    answer = await unary(handler, pb.GetSecretRequest(id=secret_id).SerializeToString())
    return pb.GetSecretResponse.FromString(answer).data


def test_the_method() -> None:
    assert list(Secrets({}).services()) == ["/moby.buildkit.secrets.v1.Secrets/GetSecret"]


async def test_a_secret() -> None:
    assert await get(lambda: SecretValue(b"\0\xff")) == b"\0\xff"
    assert await get(lambda: SecretValue(b"")) == b""


async def test_an_unknown_secret() -> None:
    with pytest.raises(CallError) as caught:
        await get(lambda: SecretValue(b"hunter2"), "other")
    assert caught.value.status is Status.NOT_FOUND
    assert "other" in caught.value.message
    assert "hunter2" not in caught.value.message


async def test_the_size_is_limited() -> None:
    largest = b"x" * MAX_SECRET_SIZE
    assert await get(lambda: SecretValue(largest)) == largest
    with pytest.raises(CallError, match="'token' is larger than 500 KiB") as caught:
        await get(lambda: SecretValue(largest + b"x"))
    assert isinstance(caught.value.__cause__, SessionError)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (Secret(id="A"), b"from A"),
        (Secret(id="x", env="A"), b"from A"),
        (Secret(id="A", src="file"), b"from file"),
        (Secret(id="file"), b"from file"),
        (Secret(id="A", src="file", env="B"), b"from \xff"),
        (Secret(id="x", env="UNSET"), b""),
        (Secret(id="EMPTY"), b""),
    ],
)
async def test_where_a_value_comes_from(tmp_path: Path, secret: Secret, expected: bytes) -> None:
    (tmp_path / "file").write_bytes(b"from file")
    environ = {"A": "from A", "B": "from \udcff", "EMPTY": ""}
    assert await get(secret_source(secret, environ=environ, cwd=tmp_path)) == expected


async def test_a_file_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    source = secret_source(Secret(id="t", src=str(file)), environ={}, cwd=tmp_path / "elsewhere")
    file.write_text("new")
    assert await get(source) == b"new"
    file.write_bytes(b"x" * (MAX_SECRET_SIZE + 10))
    with pytest.raises(CallError, match="500 KiB"):
        await get(source)
    file.unlink()
    with pytest.raises(CallError, match="no such file") as caught:
        await get(source)
    assert isinstance(caught.value.__cause__, SessionError)


def test_a_missing_file_is_found_before_the_build(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"secret 't': cannot read .*missing.*no such file"):
        secret_source(Secret(id="t", src="missing"), environ={}, cwd=tmp_path)
    (tmp_path / "large").write_bytes(b"x" * (MAX_SECRET_SIZE + 1))
    with pytest.raises(SessionError, match="500 KiB"):
        secret_source(Secret(id="t", src="large"), environ={}, cwd=tmp_path)

"""Credentials from a table."""

from __future__ import annotations

from bakex.registry.credential import Credential
from bakex.testing.keychain import StaticKeychain


async def test_it_knows_what_it_was_told_and_who_asked() -> None:
    joe = Credential(username="joe", secret="x")
    keychain = StaticKeychain({"a": joe})
    keychain.add("b", joe)
    assert [await keychain.credentials(host) for host in ("a", "b", "c")] == [joe, joe, None]
    assert keychain.asked == ["a", "b", "c"]

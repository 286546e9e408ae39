"""Names and secrets."""

from __future__ import annotations

import base64

from bakex.registry.credential import Credential, basic


def test_nothing_is_shown() -> None:
    credential = Credential(username="joe", secret="hunter2")
    assert "joe" not in repr(credential)
    assert "hunter2" not in f"{credential} {credential!r}"


def test_basic_is_base64_of_utf8() -> None:
    header = basic(Credential(username="jö", secret="a:b"))
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == "jö:a:b"

"""What is asked of a verification, and what it found."""

from __future__ import annotations

import pytest

from bakex.errors import UsageError
from bakex.model.digest import Digest
from bakex.model.verification import FileFinding, Mode, Verification, Wishes


def test_modes() -> None:
    assert [Mode.parse(word) for word in ("off", "entrypoint", "bin", "full")] == list(Mode)
    with pytest.raises(UsageError) as caught:
        Mode.parse("fulll")
    assert caught.value.hint == "did you mean 'full'?"
    with pytest.raises(UsageError) as caught:
        Mode.parse("")
    assert caught.value.hint == "the modes are off, entrypoint, bin, full"


def test_what_is_allowed() -> None:
    wishes = Wishes(allow=("/opt/*", "/a?"))
    assert wishes.allows("/opt/x/y")
    assert wishes.allows("/other", "/ab")
    assert not wishes.allows("/optional", "/a", "/abc")
    assert not Wishes().allows("/a")


def test_errors_and_warnings() -> None:
    error = FileFinding(severity="error", path="/a", expected="x", found="y")
    warning = FileFinding(severity="warning", path="/b", expected="x", found="y")
    found = Verification(
        platform="linux/arm64", digest=Digest.of(b""), mode=Mode.BIN, findings=(error, warning)
    )
    assert (found.errors, found.warnings) == ((error,), (warning,))
    assert str(error) == "/a: expected x, found y"
    document = found.to_json()
    assert (document["ok"], document["mode"], document["platform"]) == (False, "bin", "linux/arm64")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.platform import Platform, is_known, named, split_platforms


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v2", "linux/amd64/v2"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("macos/arm64", "darwin/arm64"),
        ("arm64", "linux/arm64"),
        (" x86_64 ", "linux/amd64"),
        ("foo/bar", "foo/bar"),
    ],
)
def test_normalising(text: str, normal: str) -> None:
    assert str(Platform.parse(text)) == normal


@pytest.mark.parametrize("text", ["", "x", "linux", "a/b/c/d", "linux/", "/amd64", "a b/c"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(DefinitionError, match="invalid platform"):
        Platform.parse(text)


@given(
    st.sampled_from(["linux", "macos", "windows", "x1"]),
    st.sampled_from(["amd64", "x86_64", "arm", "armel", "aarch64", "riscv64"]),
    st.sampled_from(["", "/v1", "/v5", "/v8", "/7"]),
)
def test_parsing_is_idempotent(os: str, architecture: str, variant: str) -> None:
    platform = Platform.parse(f"{os}/{architecture}{variant}")
    assert Platform.parse(str(platform)) == platform


def test_directory() -> None:
    assert Platform("linux", "arm", "v7").directory == "linux_arm_v7"


def test_known_words() -> None:
    assert is_known("linux")
    assert is_known("AMD64")
    assert is_known("aarch64")
    assert not is_known("x")


def test_split_platforms() -> None:
    assert split_platforms(("linux/amd64, linux/arm64", "", "a/b")) == (
        "linux/amd64", "linux/arm64", "a/b"
    )  # fmt: skip


def test_what_a_word_names() -> None:
    assert named("arm64") == named(" linux/aarch64") == Platform("linux", "arm64")
    assert named("local") is named("Linux") is None
    with pytest.raises(DefinitionError):
        named("x")

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bakex.errors import DefinitionError
from bakex.model.platform import Platform, is_known, meant, named, split_platforms


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
        ("linux/i686", "linux/386"),
        ("linux/i386/v1", "linux/386"),
        ("linux/armhf/v6", "linux/arm/v7"),
        ("linux/armel/v7", "linux/arm/v6"),
        ("linux/arm/v8", "linux/arm/v8"),
        ("linux/arm64/v8.0", "linux/arm64"),
        ("linux/arm64/v8.2", "linux/arm64/v8.2"),
        ("linux/arm64/9", "linux/arm64/v9"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("linux/ppc64le/power10", "linux/ppc64le/power10"),
        ("macos/arm64", "darwin/arm64"),
        ("macOS/aarch64", "darwin/arm64"),
        ("windows()/amd64", "windows/amd64"),
        ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ("Windows(10.0.17763+win32k)/x86_64", "windows(10.0.17763+win32k)/amd64"),
        ("linux(+gpu)/arm64/v8", "linux(+gpu)/arm64"),
        ("linux(+unsorted+erofs+erofs)/amd64", "linux(+erofs+unsorted)/amd64"),
        ("windows(10.0.17763%2bbuild.42)/amd64", "windows(10.0.17763%2Bbuild.42)/amd64"),
        ("windows(1.0%28beta%29)/amd64", "windows(1.0%28beta%29)/amd64"),
        ("windows(50%25done)/amd64", "windows(50%25done)/amd64"),
        ("Linux(1.0-RC)/amd64", "linux(1.0-RC)/amd64"),
        ("arm64", "linux/arm64"),
        (" x86_64 ", "linux/amd64"),
        ("foo/bar", "foo/bar"),
    ],
)
def test_normalising(text: str, normal: str) -> None:
    assert str(Platform.parse(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "linux", "a/b/c/d", "linux/", "/amd64", "a b/c", "/linux/arm", "linux /arm"),
        *(
            "linux/&arm",
            "linux/arm/foo/bar",
            "*",
            "linux/*",
            "*/arm64",
            "linux(gpu",
            "linux()x/arm",
        ),
        *("linux(+)/arm", "linux(++a)/arm", "linux(1 0)/arm", "linux(%)/arm", "linux(%4)/arm"),
        *("linux(%ff)/arm", "linux(+%zz)/arm", "linux/arm(1)", "linux(1)", "linux/\u212arm"),
    ],
)
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(DefinitionError, match="invalid platform"):
        Platform.parse(text)


def test_wildcards_have_a_hint_of_their_own() -> None:
    with pytest.raises(DefinitionError) as caught:
        Platform.parse("linux/*")
    assert caught.value.hint == "there are no wildcards: write each platform"


OPTION = st.text("aZ0+%()/._- \u00e9", max_size=6)
PLATFORMS = st.builds(
    "{}/{}{}".format,
    st.sampled_from(["linux", "macos", "windows", "x1", "Linux(+b+a)", "windows(1%2B%25+c)"]),
    st.sampled_from(["amd64", "x86_64", "arm", "armel", "armhf", "i386", "aarch64", "riscv64"]),
    st.sampled_from(["", "/v1", "/v5", "/v8", "/7", "/V9.0", "/v8.0", "/rva23u64"]),
)


@given(st.one_of(PLATFORMS, st.text("linuxarmv8/()+%. ", max_size=20)))
def test_parsing_is_idempotent(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except DefinitionError:
        return
    again = Platform.parse(str(platform))
    assert again == platform
    assert str(again) == str(platform)
    assert Platform.of(platform.os, platform.architecture, platform.variant) == platform


@given(OPTION, st.sets(OPTION.filter(bool)))
def test_options_of_the_system_are_read_as_they_were_written(
    version: str, features: set[str]
) -> None:
    found = Platform("linux", "amd64", os_version=version, os_features=tuple(sorted(features)))
    written = str(found)
    assume(" " not in written and written.isascii())
    again = Platform.parse(written)
    assert (again.os_version, again.os_features) == (found.os_version, found.os_features)


def test_options_of_the_system_do_not_make_another_platform() -> None:
    plain, exact = Platform.parse("windows/amd64"), Platform.parse("windows(10.0.1+x)/amd64")
    assert plain == exact
    assert hash(plain) == hash(exact)
    assert (exact.os_version, exact.os_features) == ("10.0.1", ("x",))


# What containerd's tests of `Only` say (compare_test.go), and of variants in general.
ARM = ("arm", "arm/v5", "arm/v6", "arm/v7", "arm/v8")
ELSEWHERE = ("windows/amd64", "windows/arm", "darwin/arm64")


@pytest.mark.parametrize(
    ("machine", "runs", "never"),
    [
        ("amd64", "amd64 386", "amd64/v2 arm/v7 arm64"),
        ("amd64/v2", "amd64 amd64/v1 amd64/v2 386", "amd64/v3 amd64/v4 arm/v7 arm64"),
        ("amd64/v4", "amd64 amd64/v3 amd64/v4 386", "amd64/v5 386/v1 amd64/x4"),
        ("386", "386", "amd64 arm/v7 arm64"),
        ("arm/v8", "arm arm/v5 arm/v6 arm/v7 arm/v8", "amd64 arm/v4 arm64"),
        ("arm/v7", "arm arm/v5 arm/v6 arm/v7", "arm/v4 arm/v8 arm64 amd64"),
        ("arm/v6", "arm/v5 arm/v6", "arm arm/v4 arm/v7 arm/v8 arm64"),
        ("arm/v5", "arm/v5", "arm arm/v4 arm/v6 arm64"),
        ("arm/v4", "arm/v4", "arm arm/v5 arm/v6 arm/v7"),
        (
            "arm64/v9",
            " ".join((*ARM, "arm64 arm64/v8 arm64/v8.1 arm64/v8.4 arm64/v8.5 arm64/v9 arm64/v9.0")),
            "arm/v4 arm64/v8.6 arm64/v9.1 amd64",
        ),
        ("arm64/v9.5", "arm64/v8.9 arm64/v9.1", "arm64/v8.10 arm64/v9.6 arm64/v10"),
        (
            "arm64/v8.1",
            " ".join((*ARM, "arm64 arm64/v8 arm64/v8.1")),
            "arm/v4 arm/v9 arm64/v9 arm64/v8.2",
        ),
        ("arm64", " ".join((*ARM, "arm64 arm64/v8")), "arm/v4 arm/v9 arm64/v9 arm64/v8.1"),
        ("ppc64le/power10", "ppc64le ppc64le/power9 ppc64le/power10", "ppc64le/power11 ppc64le/x9"),
        ("ppc64le", "ppc64le", "ppc64le/power8 ppc64"),
        ("riscv64/rva23u64", "riscv64 riscv64/rva20u64", "riscv64/rva24u64 riscv64/rva20s64"),
        ("riscv64/plain", "riscv64 riscv64/plain", "riscv64/other"),
        ("loong64", "loong64", "mips64le"),
    ],
)
def test_which_machine_runs_what(machine: str, runs: str, never: str) -> None:
    host = Platform.parse(f"linux/{machine}")
    assert [t for t in runs.split() if not host.runs(Platform.parse(f"linux/{t}"))] == []
    assert [t for t in never.split() if host.runs(Platform.parse(f"linux/{t}"))] == []
    assert not any(host.runs(Platform.parse(text)) for text in ELSEWHERE)


@given(PLATFORMS, PLATFORMS, PLATFORMS)
def test_running_is_reflexive_and_transitive(first: str, second: str, third: str) -> None:
    one, two, three = map(Platform.parse, (first, second, third))
    assert one.runs(one)
    assert one.runs(three) or not (one.runs(two) and two.runs(three))


def test_directory() -> None:
    assert Platform("linux", "arm", "v7").directory == "linux_arm_v7"


def test_known_words() -> None:
    assert is_known("linux")
    assert is_known("AMD64")
    assert is_known("aarch64")
    assert is_known("macOS")
    assert is_known("i686")
    assert not is_known("x")


def test_split_platforms() -> None:
    assert split_platforms(("linux/amd64, linux/arm64", "", "a/b")) == (
        "linux/amd64", "linux/arm64", "a/b"
    )  # fmt: skip


def test_what_a_word_means_on_a_machine() -> None:
    board = Platform.parse("linux/arm/v6")
    assert meant("local", board) == meant("linux", board) == board
    assert meant("macOS", board) == Platform("darwin", "arm", "v6")
    assert meant("arm64", board) == Platform("linux", "arm64")


def test_what_a_word_names() -> None:
    assert named("arm64") == named(" linux/aarch64") == Platform("linux", "arm64")
    assert named("local") is named("Linux") is named("macos") is None
    with pytest.raises(DefinitionError):
        named("x")

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.model.platform import Platform
from bakex.platforms.binfmt import parse
from bakex.platforms.handlers import Change, Kind, Table, needed, split

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Profile

PATHS = {"qemu-arm": "/q/arm", "qemu-aarch64": "/q/aarch64"}


@pytest.fixture
def arm(known: Catalogue) -> list[Profile]:
    return [known.profiles[Platform.parse(f"linux/arm/{v}")] for v in ("v5", "v7")]


def entry(profile: Profile, *, flags: str = "POF", on: bool = True) -> str:
    emulation = profile.emulation
    assert emulation is not None
    return (
        f"{'enabled' if on else 'disabled'}\ninterpreter /usr/bin/{emulation.program}\n"
        f"flags: {flags}\noffset 0\nmagic {emulation.magic.hex()}\nmask {emulation.mask.hex()}\n"
    )


def test_an_empty_kernel_gets_one_handler_for_all_variants(arm: list[Profile]) -> None:
    (change,) = needed(arm, Table(boot="b"), PATHS)
    assert (change.kind, change.name, change.program) == (
        Kind.REGISTER,
        "bakex-qemu-arm",
        "qemu-arm",
    )
    parts = change.line.split(":")
    assert parts[:4] == ["", "bakex-qemu-arm", "M", ""]
    assert parts[4].startswith(r"\x7f\x45\x4c\x46\x01")
    assert parts[6:] == ["/q/arm", "POCF"]
    assert str(change) == "register bakex-qemu-arm: /q/arm, flags POCF"
    assert change.undone == "remove the handler bakex-qemu-arm"


def test_what_the_kernel_needs_first(arm: list[Profile]) -> None:
    kinds = [c.kind for c in needed(arm, Table(boot="b", mounted=False, enabled=False), PATHS)]
    assert kinds == [Kind.MOUNT, Kind.SWITCH_ON, Kind.REGISTER]


@pytest.mark.parametrize(
    ("flags", "on", "running", "expected"),
    [
        ("POF", True, ["arm"], []),
        ("PO", True, ["arm"], ["disable the handler other"]),  # not for containers
        ("POF", True, [], ["disable the handler other"]),  # it does not work
        ("POF", False, [], []),
    ],
)
def test_over_what_others_have_done(
    arm: list[Profile], flags: str, on: bool, running: list[str], expected: list[str]
) -> None:
    table = Table(boot="b", entries={"other": entry(arm[0], flags=flags, on=on)}, running=running)
    found = needed(arm, table, PATHS)
    assert [str(c) for c in found[:-1]] == expected
    works = bool(running) and "F" in flags
    assert [c.kind for c in found[-1:]] == ([] if works else [Kind.REGISTER])


def test_a_newer_one_is_wanted(arm: list[Profile]) -> None:
    table = Table(boot="b", entries={"other": entry(arm[0])}, running=["arm"])
    assert len(needed(arm, table, PATHS, replace=True)) == 2
    alone = Table(boot="b", running=["arm"])  # the processor does it
    assert needed(arm, alone, PATHS, replace=True) == []


def test_a_name_that_is_taken(arm: list[Profile]) -> None:
    table = Table(boot="b", entries={"bakex-qemu-arm": "unreadable"})
    assert needed(arm, table, PATHS)[-1].name == "bakex-qemu-arm-"


def test_what_is_registered_is_taken_for_the_platform(arm: list[Profile]) -> None:
    table = Table(boot="b", entries={"x": entry(arm[0]), "y": "nonsense"})
    assert [handler.name for handler in table.handlers] == ["x"]
    assert parse("x", entry(arm[0])) == table.handlers[0]


def test_platforms_without_an_emulator_are_passed_over(known: Catalogue) -> None:
    windows = known.profiles[Platform.parse("windows/amd64")]
    assert needed([windows], Table(boot="b"), {}) == []


def test_undoing_goes_backwards() -> None:
    mount = Change(kind=Kind.MOUNT)
    off = Change(kind=Kind.DISABLE, name="a", program="qemu-arm")
    arm = Change(kind=Kind.REGISTER, name="b", line="::", program="qemu-arm")
    other = Change(kind=Kind.REGISTER, name="c", line="::", program="qemu-s390x")
    done = [mount, off, arm, other]
    assert split(done, []) == ([], [other, arm, off, mount])
    assert split(done, ["qemu-arm"]) == ([mount, other], [arm, off])
    assert split(done, ["qemu-arm", "qemu-s390x"]) == ([], [other, arm, off, mount])
    assert split(done, ["qemu-ppc64le"]) == (done, [])


@pytest.mark.parametrize(
    ("kind", "words", "undone"),
    [
        (Kind.MOUNT, "mount binfmt_misc", "unmount binfmt_misc"),
        (Kind.SWITCH_ON, "switch binfmt_misc on", "switch binfmt_misc off"),
        (Kind.DISABLE, "disable the handler x", "enable the handler x"),
    ],
)
def test_words(kind: Kind, words: str, undone: str) -> None:
    change = Change(kind=kind, name="x")
    assert (str(change), change.undone) == (words, undone)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.model.platform import Platform
from bakex.platforms.ability import Way, abilities
from bakex.platforms.binfmt import Handler

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue


def handler(known: Catalogue, platform: str, *, enabled: bool = True) -> Handler:
    emulation = known.profiles[Platform.parse(platform)].emulation
    assert emulation is not None
    return Handler(
        name=emulation.program,
        enabled=enabled,
        interpreter="/q",
        flags="F",
        offset=0,
        magic=emulation.magic,
        mask=emulation.mask,
    )


def ways(known: Catalogue, machine: str, features: str, *handlers: Handler) -> dict[str, str]:
    found = abilities(Platform.parse(machine), known, features.split(), handlers)
    assert [a.platform for a in found] == sorted(known.profiles)
    return {str(a.platform): a.way for a in found if a.way is not Way.MISSING}


def features_of(known: Catalogue, platform: str) -> str:
    return " ".join(known.profiles[Platform.parse(platform)].isa.cpuinfo)


def test_a_pc(known: Catalogue) -> None:
    v2 = features_of(known, "linux/amd64/v2")
    assert ways(known, "linux/amd64", v2, handler(known, "linux/arm64")) == {
        "linux/386": Way.COMPATIBLE,
        "linux/amd64": Way.NATIVE,
        "linux/amd64/v2": Way.NATIVE,
        "linux/arm64": Way.EMULATED,
    }
    v4 = ways(known, "linux/amd64", features_of(known, "linux/amd64/v4"))
    assert v4["linux/amd64/v4"] == Way.NATIVE


def test_one_emulator_runs_all_variants(known: Catalogue) -> None:
    found = ways(known, "linux/amd64", "", handler(known, "linux/arm/v7"))
    assert {p for p, way in found.items() if way == Way.EMULATED} == {
        "linux/arm/v5",
        "linux/arm/v6",
        "linux/arm/v7",
    }


def test_a_board(known: Catalogue) -> None:
    assert ways(known, "linux/arm64/v8", "fp asimd") == {
        "linux/arm/v5": Way.COMPATIBLE,
        "linux/arm/v6": Way.COMPATIBLE,
        "linux/arm/v7": Way.COMPATIBLE,
        "linux/arm64": Way.NATIVE,
    }
    old = ways(known, "linux/arm/v6", "half thumb edsp vfp")
    assert old == {"linux/arm/v5": Way.COMPATIBLE, "linux/arm/v6": Way.NATIVE}


@pytest.mark.parametrize("machine", ["darwin/arm64", "linux/sparc64"])
def test_other_machines(known: Catalogue, machine: str) -> None:
    expected = {machine: Way.NATIVE} if machine.startswith("darwin") else {}
    assert ways(known, machine, "") == expected


def test_an_emulator_is_told_even_where_it_is_not_needed(known: Catalogue) -> None:
    registered = handler(known, "linux/amd64")
    found = abilities(Platform.parse("linux/amd64"), known, (), [registered])
    own = next(a for a in found if str(a.platform) == "linux/amd64")
    assert (own.way, own.handler) == (Way.NATIVE, registered)
    off = handler(known, "linux/arm64", enabled=False)
    assert "linux/arm64" not in ways(known, "linux/amd64", "", off)

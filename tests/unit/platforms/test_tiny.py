from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.model.platform import Platform
from bakex.platforms import elf
from bakex.platforms.excerpt import Gatherer
from bakex.platforms.judge import judge
from bakex.platforms.recognise import recognise
from bakex.platforms.tiny import CODES, TEXT, program

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.program import Program


def test_each_platform_of_linux_has_a_program_that_is_its_own(known: Catalogue) -> None:
    met: set[str] = set()
    for platform, profile in known.profiles.items():
        made = program(platform, profile.binary)
        if platform.os != "linux":
            assert made is None
            continue
        assert made is not None, platform
        found = recognise_whole(made)
        assert [one.is_static for one in found] == [True]
        assert list(judge(found, profile, known)) == []
        assert made.endswith(TEXT)
        met.add(platform.architecture)
    assert met == set(CODES)


def test_a_processor_that_nobody_wrote_a_program_for(known: Catalogue) -> None:
    binary = known.profiles[Platform.parse("linux/arm64")].binary
    assert program(Platform.parse("linux/sparc64"), binary) is None


def recognise_whole(data: bytes) -> tuple[Program, ...]:
    gatherer = Gatherer(elf.wanted)
    gatherer.feed(data)
    found = recognise(gatherer.excerpt())
    assert isinstance(found, tuple)
    return found

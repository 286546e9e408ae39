"""What the files of an image are held against."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from bakex.platforms.judge import judge

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.judge import Finding
    from bakex.platforms.profile import Profile, System
    from bakex.platforms.program import Content, Program


class Importance(IntEnum):
    """What it means if a file cannot run."""

    OTHER = 0  # perhaps nothing
    USUAL = 1  # somebody may call it
    START = 2  # the image does not start


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What files are held against.

    Attributes:
        profile: The platform of the image.
        catalogue: All platforms.
        system: A device that the image must run on.
    """

    profile: Profile
    catalogue: Catalogue
    system: System | None = None

    def judge(self, content: Content) -> list[Finding]:
        """Return what does not fit; see `bakex.platforms.judge.judge`."""
        return judge(content, self.profile, self.catalogue, self.system)

    def home(self, program: Program) -> Profile:
        """Return the platform that a program is made for, if one is known that has its files."""
        its = (program.format, program.machine, program.bits, program.endian)
        for profile in (self.profile, *self.catalogue.profiles.values()):
            binary = profile.binary
            if (binary.format, binary.machine, binary.bits, binary.endian) == its:
                return profile
        return self.profile

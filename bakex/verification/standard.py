"""What the files of an image are held against."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from bakex.platforms.judge import judge

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.judge import Finding
    from bakex.platforms.profile import Device, Profile
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
        device: What the image must run on.
        float: How the image's own dynamic linkers pass floating-point arguments, where the
            platform leaves that open; empty if they do not tell.
    """

    profile: Profile
    catalogue: Catalogue
    device: Device | None = None
    float: str = ""

    def judge(self, content: Content) -> list[Finding]:
        """Return what does not fit; see `bakex.platforms.judge.judge`."""
        system = self.device.system(self.profile.platform) if self.device else None
        return judge(content, self.profile, self.catalogue, system, float=self.float)

    def home(self, program: Program) -> Profile:
        """Return the platform that a program is made for, if one is known that has its files."""
        its = (program.format, program.machine, program.bits, program.endian)
        for profile in (self.profile, *self.catalogue.profiles.values()):
            binary = profile.binary
            if (binary.format, binary.machine, binary.bits, binary.endian) == its:
                return profile
        return self.profile

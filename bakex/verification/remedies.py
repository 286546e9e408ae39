"""What to do about files that do not fit, in a clause each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.platforms.profile import Profile
    from bakex.platforms.program import Program

PROGRAM = "install it in the image, or correct the path"
LIBRARY = "install what has it in the image; LD_LIBRARY_PATH and runpaths are looked at"


def processor(content: Sequence[Program], profile: Profile) -> str:
    """Return what to do about a program that is for another processor, or too new a one."""
    platform, binary = profile.platform, profile.binary
    mine = (binary.format, binary.machine, binary.bits, binary.endian)
    if any((p.format, p.machine, p.bits, p.endian) == mine for p in content):
        return f"compile it for {platform}: bakex platform show {platform} has the names"
    return (
        f"build it for {platform}: a stage with --platform=$BUILDPLATFORM has to compile for"
        " $TARGETPLATFORM"
    )


def start(*, executable: bool) -> str:
    """Return what to do about an entrypoint that the kernel does not take."""
    if not executable:
        return "give it the permission: COPY --chmod=0755, or chmod +x"
    return "begin the script with #! and its interpreter"


def linker(path: str, profile: Profile) -> str:
    """Return what to do about a dynamic linker that is not there."""
    known = profile.interpreters
    if path in known.glibc:
        return "link it statically, or use a base image with glibc, such as Debian's"
    if path in known.musl:
        return "link it statically, or use a base image with musl, such as Alpine's"
    return "link it statically, or put its dynamic linker into the image"


def library(platform: object) -> str:
    """Return what to do about a library that is for another processor."""
    return f"put the library for {platform} into the image"

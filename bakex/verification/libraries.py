"""Where the dynamic linker of an image looks for libraries.

Sources: ld.so(8) of Linux man-pages; ldso/dynlink.c of musl. What the linker's cache leaves out is
looked at as well, so that nothing is missed which may be found.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from bakex.platforms.judge import float_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Profile
    from bakex.verification.tree import Tree

_LISTS = "/etc/ld.so.conf.d"
_LIST = "/etc/ld.so.conf"
_USUAL = ("/lib", "/usr/lib", "/usr/local/lib")
_OWN = ("libc", "libpthread", "librt", "libm", "libdl", "libutil", "libxnet")
# What the container runtimes of makers of graphics processors bring along: "Driver Capabilities" of
# the NVIDIA Container Toolkit.
_BROUGHT = ("libcuda.so", "libnvidia-", "libnvcuvid.so", "libnvoptix.so", "libcudadebugger.so")


def folders(tree: Tree, profile: Profile) -> tuple[str, ...]:
    """Return the folders in which every program of an image finds libraries."""
    multiarch = profile.names.multiarch
    found = list(_listed(tree))
    for folder in _USUAL:
        found.extend([f"{folder}/{multiarch}"] if multiarch else [])
        found.extend((folder, f"{folder}{profile.binary.bits}"))
    return tuple(dict.fromkeys(found))


def convention(tree: Tree, profile: Profile, catalogue: Catalogue) -> str:
    """Return how the programs of an image pass floating-point arguments, by its dynamic linkers.

    Empty if there are several ways or none: several systems in one image, or no linker.
    """
    linkers = profile.interpreters
    found = {
        float_of(profile.binary.machine, path, catalogue)
        for path in (*linkers.glibc, *linkers.musl)
        if tree.file(path) is not None
    }
    return found.pop() if len(found) == 1 else ""


def own(paths: Sequence[str], origin: str) -> Iterator[str]:
    """Yield the folders that a program or a library names itself.

    Args:
        paths: As they are written (DT_RUNPATH).
        origin: The folder of the file.
    """
    for path in paths:
        place = path.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", origin)
        if place.startswith("/"):
            yield place


def is_built_in(name: str, linker: str) -> bool:
    """Return whether a library is the dynamic linker itself, or a part of it, as in musl."""
    file = posixpath.basename(linker)
    if name == file:
        return True
    return "musl" in file and name.partition(".so")[0] in _OWN


def is_brought(name: str) -> bool:
    """Return whether a library comes from the machine that runs the image."""
    return name.startswith(_BROUGHT)


def _listed(tree: Tree) -> Iterator[str]:
    places = [_LIST, *(f"{_LISTS}/{name}" for name in tree.names(_LISTS))]
    places += [f"/etc/{name}" for name in tree.names("/etc") if name.startswith("ld-musl-")]
    for place in places:
        found = tree.file(place)
        for line in (found[1].text if found else "").replace(":", "\n").split("\n"):
            folder = line.partition("#")[0].strip()
            if folder.startswith("/"):
                yield folder

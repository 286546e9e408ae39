"""How much a remote definition may cost: whoever wrote it may not be a friend."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one fetch.

    Attributes:
        seconds: From its begin to its end.
        silence: Seconds without a byte from the server.
        file: Bytes of a single definition (spec/bake-file 1.6).
        download: Bytes of an archive as it is sent.
        tree: Bytes of all files of a tree, and of what git needs to make it.
        entries: Files and directories of a tree.
        ratio: How many times larger a tree may be than its archive, where it is larger than
            `tame`: nothing that people write is compressed that well.
        tame: Bytes of a tree up to which the ratio does not matter.
    """

    seconds: float = 300.0
    silence: float = 30.0
    file: int = 2 * _MIB
    download: int = 256 * _MIB
    tree: int = 1024 * _MIB
    entries: int = 200_000
    ratio: int = 200
    tame: int = 16 * _MIB

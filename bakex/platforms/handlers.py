"""What to change in a kernel's table of interpreters so that it emulates platforms, and back again.

Nothing that others registered is removed, for it could not always be put back: an interpreter with
the flag F may come from a container that is gone. It is disabled, and enabled again at the end. Our
own handlers have names of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from bakex.platforms.binfmt import handler_of, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bakex.platforms.binfmt import Handler
    from bakex.platforms.profile import Emulation, Profile

PREFIX = "bakex-"
# F: opened now, so that it works in every container. O: the program is opened for the interpreter,
# so that it needs no permission to read it. C: setuid works. P: argv[0] stays what it was, which
# QEMU knows from the auxiliary vector since 6.0, and Debian's since long by its own name.
FLAGS = "POCF"


class Kind(StrEnum):
    """What is done."""

    MOUNT = "mount"  # binfmt_misc is mounted
    SWITCH_ON = "switch-on"  # the whole table, which was off
    DISABLE = "disable"  # somebody else's handler
    REGISTER = "register"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Attributes:
        name: The handler; empty if it is about none.
        line: What is written to register it.
        program: QEMU's program for which it is done, such as ``qemu-arm``; empty for all.
    """

    kind: Kind
    name: str = ""
    line: str = ""
    program: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        match self.kind:
            case Kind.MOUNT:
                return "mount binfmt_misc"
            case Kind.SWITCH_ON:
                return "switch binfmt_misc on"
            case Kind.DISABLE:
                return f"disable the handler {self.name}"
            case Kind.REGISTER:
                interpreter, flags = self.line.split(":")[-2:]
                return f"register {self.name}: {interpreter}, flags {flags}"

    @property
    def undone(self) -> str:
        """What undoes it, in words."""
        match self.kind:
            case Kind.MOUNT:
                return "unmount binfmt_misc"
            case Kind.SWITCH_ON:
                return "switch binfmt_misc off"
            case Kind.DISABLE:
                return f"enable the handler {self.name}"
            case Kind.REGISTER:
                return f"remove the handler {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a kernel says.

    Attributes:
        boot: Which run of which kernel it is (boot_id).
        mounted: Whether the table can be seen.
        enabled: Whether it is used at all.
        entries: Name -> what it says about a handler.
        running: The platforms' architectures whose programs it was seen to run in a bare root.
    """

    boot: str
    mounted: bool = True
    enabled: bool = True
    entries: Mapping[str, str] = field(default_factory=dict[str, str])
    running: Collection[str] = ()

    @property
    def handlers(self) -> list[Handler]:
        """The handlers of magic bytes, as far as they can be read."""
        found = (parse(name, text) for name, text in sorted(self.entries.items()))
        return [handler for handler in found if handler is not None]

    def works(self, profile: Profile) -> bool:
        """Return whether containers run a platform's programs, natively or emulated."""
        if profile.platform.architecture not in self.running:
            return False
        handler = handler_of(profile.emulation, self.handlers) if profile.emulation else None
        return handler is None or "F" in handler.flags


def needed(
    profiles: Iterable[Profile],
    table: Table,
    interpreters: Mapping[str, str],
    *,
    replace: bool = False,
) -> list[Change]:
    """Return what has to be changed so that platforms are emulated; empty if all of them run.

    Args:
        profiles: The platforms; those without an emulator are passed over.
        table: What there is.
        interpreters: QEMU's program -> the path of one.
        replace: Take the place of handlers that work, too; not that of the processor itself.
    """
    found: list[Change] = []
    done: set[str] = set()
    for profile in profiles:
        emulation = profile.emulation
        if emulation is None or emulation.program in done:
            continue
        others = [handler for handler in table.handlers if handler.takes(emulation)]
        if table.works(profile) and not (replace and others):
            continue
        done.add(emulation.program)
        found.extend(_changes(emulation, others, interpreters[emulation.program], table))
    general = [
        *([] if table.mounted else [Change(kind=Kind.MOUNT)]),
        *([] if table.enabled else [Change(kind=Kind.SWITCH_ON)]),
    ]
    return [*general, *found] if found else []


def _changes(
    emulation: Emulation, others: Sequence[Handler], interpreter: str, table: Table
) -> list[Change]:
    program = emulation.program
    name = PREFIX + program
    while name in table.entries:
        name += "-"
    line = ":".join(
        ["", name, "M", "", _escaped(emulation.magic), _escaped(emulation.mask), interpreter, FLAGS]
    )
    return [
        *(Change(kind=Kind.DISABLE, name=other.name, program=program) for other in others),
        Change(kind=Kind.REGISTER, name=name, line=line, program=program),
    ]


def _escaped(octets: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in octets)


def split(
    changes: Sequence[Change], programs: Collection[str]
) -> tuple[list[Change], list[Change]]:
    """Divide what was done in what stays and what is to be undone, in the order of the undoing.

    Args:
        changes: What was done, in this order.
        programs: QEMU's programs that are not wanted any more; empty for all.
    """
    own = [c for c in changes if c.program and programs and c.program not in programs]
    stays = [c for c in changes if c in own or (own and not c.program)]
    return stays, [c for c in reversed(changes) if c not in stays]

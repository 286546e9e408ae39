"""Targets that are for a device: its platform, and build arguments for its processor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bakex.api.platforms import catalogue
from bakex.errors import DefinitionError, UsageError
from bakex.model.attributes import evolve
from bakex.model.platform import named, split_platforms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.resolve import Resolution
    from bakex.config import Settings
    from bakex.model.target import Target
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Device, Profile, System

PREFIX = "BAKEX_"
QEMU_CPU = "QEMU_CPU"  # read by QEMU's programs, from the environment of what they run


def applied(settings: Settings, resolution: Resolution) -> Resolution:
    """Return a resolution in which targets with a device are made for it.

    Idempotent: build arguments and platforms that are there already stay.

    Raises:
        DefinitionError: A device is not known, or a target is for none of its platforms.
        ConfigError: A file of the user's about platforms or devices is malformed.
    """
    known = catalogue(settings)
    targets = {
        name: made_for(target, known) if target.device else target
        for name, target in resolution.targets.items()
    }
    return replace(resolution, targets=targets)


def made_for(target: Target, known: Catalogue) -> Target:
    """Return a target for its device: one platform, and arguments that do not replace its own.

    Raises:
        DefinitionError: The device is not known, or the target is for none of its platforms.
    """
    try:
        device = known.device(target.device or "")
    except UsageError as error:
        raise DefinitionError(f"target {target.name!r}: {error.summary}", hint=error.hint) from None
    system = _system(target, device)
    args = arguments(device, system, known.profiles[system.platform])
    platforms = (str(system.platform),)
    return evolve(target, {"platforms": platforms, "args": {**args, **target.args}})


def arguments(device: Device, system: System, profile: Profile) -> dict[str, str]:
    """Return the build arguments of a device: those that it has something to say for."""
    names = profile.names
    go = {**dict(names.go), **dict(system.go)}
    found: Mapping[str, str] = {
        "DEVICE": device.device,
        "CFLAGS": " ".join(system.gcc),
        "GNU_TRIPLE": names.gnu,
        "MUSL_TRIPLE": names.musl,
        "DEBIAN_ARCH": names.debian,
        "RUST_TARGET": next(iter(names.rust), ""),
        "RUST_CPU": system.rust_cpu,
        "ZIG_TARGET": next(iter(names.zig), ""),
        **go,
    }
    own = {f"{PREFIX}{key}": value for key, value in found.items() if value}
    return {**own, QEMU_CPU: system.qemu_cpu} if system.qemu_cpu else own


def _system(target: Target, device: Device) -> System:
    listed = [named(word) for word in split_platforms(target.platforms)]
    # A word such as "local" is no platform of a device by name, so it counts as none.
    wanted = [platform for platform in listed if platform is not None]
    for system in device.systems:
        if not wanted or system.platform in wanted:
            return system
    runs = ", ".join(str(system.platform) for system in device.systems)
    raise DefinitionError(
        f"target {target.name!r} is for {', '.join(map(str, wanted))},"
        f" which {device.device} is not made for",
        detail=f"{device.title} is for {runs}.",
        hint="add one of these platforms to the target, or leave the device out",
    )

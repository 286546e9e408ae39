"""What `bakex platform` prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from bakex._util.suggest import closest
from bakex.api.machine import versions as interpreter_versions
from bakex.cli.keeping import table
from bakex.errors import UsageError
from bakex.platforms.ability import Way
from bakex.platforms.binfmt import handler_of
from bakex.platforms.shape import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bakex.api.machine import Interpreter, Platforms
    from bakex.model.nodestate import NodeState
    from bakex.model.platform import Platform
    from bakex.platforms.ability import Ability
    from bakex.platforms.binfmt import Handler
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Device, Profile

_SENTENCES = frozenset({"notes"})
_UNKNOWN = "unknown"


def listing(known: Platforms, *, as_json: bool) -> str:
    """Return the platforms, and how this machine runs them."""
    catalogue, abilities = known.catalogue, known.abilities()
    versions = interpreter_versions(abilities)
    if as_json:
        rows = [_ability(catalogue, ability, versions) for ability in abilities]
        return json.dumps({"schemaVersion": 1, "platforms": rows}, indent=2) + "\n"
    lines: list[tuple[str, ...]] = [
        ("PLATFORM", "HERE", "INTERPRETER", "VERSION", "FLAGS", "NAMES")
    ]
    for ability in abilities:
        handler = ability.handler if ability.way is Way.EMULATED else None
        path = handler.interpreter if handler else ""
        lines.append(
            (
                str(ability.platform),
                ability.way,
                path or "-",
                versions.get(path, "") or "-",
                handler.flags or "none" if handler else "-",
                _names(catalogue.profiles[ability.platform]),
            )
        )
    return table(lines) + _remark(abilities)


def listing_of(
    catalogue: Catalogue, node: NodeState, interpreters: Sequence[Interpreter], *, as_json: bool
) -> str:
    """Return the platforms, how a node says that it runs them, and by which interpreter.

    What an interpreter is remains unknown if nothing could ask the kernel, or if the node brings
    one of its own along.
    """
    rows = [
        (platform, way, _interpreter(profile, interpreters) if way is Way.EMULATED else None)
        for platform, profile in sorted(catalogue.profiles.items())
        for way in [_way(node, platform)]
    ]
    if as_json:
        found = [
            {
                "platform": str(platform),
                "there": str(way),
                "handler": _entry(by.handler, by.version) if by else None,
            }
            for platform, way, by in rows
        ]
        return (
            json.dumps({"schemaVersion": 1, "node": node.name, "platforms": found}, indent=2) + "\n"
        )
    lines: list[tuple[str, ...]] = [
        ("PLATFORM", "THERE", "INTERPRETER", "VERSION", "FLAGS", "NAMES")
    ]
    for platform, way, by in rows:
        told = ("-", "-", "-") if way is not Way.EMULATED else (_UNKNOWN,) * 3
        if by is not None:
            told = (by.handler.interpreter, by.version or _UNKNOWN, by.handler.flags or "none")
        lines.append((str(platform), str(way), *told, _names(catalogue.profiles[platform])))
    return table(lines)


def _interpreter(profile: Profile, known: Sequence[Interpreter]) -> Interpreter | None:
    handler = profile.emulation and handler_of(profile.emulation, [one.handler for one in known])
    return next((one for one in known if one.handler is handler), None)


def _entry(handler: Handler, version: str) -> dict[str, object]:
    return {
        "name": handler.name,
        "interpreter": handler.interpreter,
        "version": version or None,
        "flags": handler.flags,
    }


def _way(node: NodeState, platform: Platform) -> Way:
    if platform in node.native:
        return Way.NATIVE
    able = [own for own in node.platforms if own.runs(platform)]
    if not able:
        return Way.MISSING
    return Way.EMULATED if set(able) <= set(node.emulated) else Way.COMPATIBLE


def devices(catalogue: Catalogue, *, as_json: bool) -> str:
    """Return the devices."""
    known = [device for _, device in sorted(catalogue.devices.items())]
    if as_json:
        rows = [write(device) for device in known]
        return json.dumps({"schemaVersion": 1, "devices": rows}, indent=2) + "\n"
    lines: list[tuple[str, ...]] = [("DEVICE", "PLATFORM", "PROCESSOR", "GCC")]
    for device in known:
        first = device.systems[0]
        lines.append((device.device, str(device.platform), device.cpu, " ".join(first.gcc)))
    return table(lines)


def find(catalogue: Catalogue, name: str) -> Profile | Device:
    """Return a platform or a device.

    Raises:
        UsageError: It is neither; says what may have been meant.
    """
    try:
        return catalogue.find(name)
    except UsageError as unknown:
        try:
            return catalogue.device(name)
        except UsageError:
            near = closest(name.lower(), catalogue.names)
            raise UsageError(
                f"{name!r} is neither a platform nor a device",
                hint=f"did you mean {near!r}?" if near else unknown.hint,
            ) from None


def description(found: Profile | Device, *, as_json: bool) -> str:
    """Return all that is known about a platform or a device; keys as in the data files."""
    told = write(found)
    if as_json:
        return json.dumps({"schemaVersion": 1, **told}, indent=2) + "\n"
    return "".join(_lines(told, ""))


def _lines(value: Mapping[str, object], indent: str) -> Iterator[str]:
    width = max((len(key) for key in value), default=0) + 1
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield f"{indent}{key}:\n"
            yield from _lines(cast("Mapping[str, object]", inner), indent + "  ")
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            yield f"{indent}{key}:\n"
            for one in cast("list[Mapping[str, object]]", inner):
                first, *rest = _lines(one, indent + "    ")
                yield f"{indent}  - {first.lstrip()}"
                yield from rest
        else:
            items = cast("list[object]", inner) if isinstance(inner, list) else [inner]
            apart = "\n" + indent + " " * (width + 1) if key in _SENTENCES else ", "
            shown = " ".join(map(str, items)) if key == "gcc" else apart.join(map(str, items))
            yield f"{indent}{key + ':':<{width}} {shown}\n"


def _ability(
    catalogue: Catalogue, ability: Ability, versions: Mapping[str, str]
) -> dict[str, object]:
    profile, handler = catalogue.profiles[ability.platform], ability.handler
    entry = handler and _entry(handler, versions.get(handler.interpreter, ""))
    return {
        "platform": str(ability.platform),
        "title": profile.title,
        "here": str(ability.way),
        "handler": entry,
        "emulator": profile.emulation.program if profile.emulation else None,
        "aliases": list(profile.aliases),
    }


def _names(profile: Profile) -> str:
    n = profile.names
    return ", ".join(dict.fromkeys(x for x in (*n.uname[:1], n.debian, n.gnu or n.rust[0]) if x))


def _remark(abilities: Sequence[Ability]) -> str:
    """Return what is to be said about emulators that do not work in containers."""
    loose = {
        a.handler.name
        for a in abilities
        if a.way is Way.EMULATED and a.handler and "F" not in a.handler.flags
    }
    if not loose:
        return ""
    return (
        f"note: {', '.join(sorted(loose))} is registered without the flag F, and is not found in"
        " containers that do not have it\n"
    )

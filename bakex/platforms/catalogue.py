"""All platforms and devices that are known, and how they are found by the names that people use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from bakex._util.suggest import closest
from bakex.errors import DefinitionError, UsageError
from bakex.model.platform import Platform
from bakex.platforms.profile import Device, Profile
from bakex.platforms.shape import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex.platforms.document import Document

_T = TypeVar("_T")
_SLIPS = 3  # edits that still count as a slip; names of devices are long


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Platforms and devices; made by `gather`."""

    profiles: Mapping[Platform, Profile]
    devices: Mapping[str, Device]

    @cached_property
    def _aliases(self) -> Mapping[str, Platform]:
        """Every name -> the platform; where several have it, the usual variant, or the lowest."""
        found: dict[str, Platform] = {}
        usual = sorted(
            self.profiles.values(),
            key=lambda p: (p.platform.variant not in {"", p.default_variant}, p.platform),
        )
        for profile in usual:
            for alias in profile.aliases:
                found.setdefault(alias.lower(), profile.platform)
        return found

    @property
    def names(self) -> list[str]:
        """All names of platforms and devices."""
        devices = [name for device in self.devices.values() for name in device.aliases]
        return [*map(str, self.profiles), *self._aliases, *self.devices, *devices]

    def find(self, text: str) -> Profile:
        """Return a platform by its name, or by what others call it: ``armv7l``, a GNU triple.

        Raises:
            UsageError: It is not known; says what may have been meant.
        """
        word = text.strip().lower()
        try:
            found = Platform.parse(word)
        except DefinitionError:
            found = None
        if found not in self.profiles:
            found = self._aliases.get(word)
        if found is None:
            known = [str(platform) for platform in self.profiles]
            near = closest(word, [*known, *self._aliases])
            raise UsageError(
                f"nothing is known about the platform {text!r}",
                hint=f"did you mean {near!r}?" if near else "see bakex platform ls",
            )
        return self.profiles[found]

    def device(self, text: str) -> Device:
        """Return a device by its name or another name of it.

        Raises:
            UsageError: It is not known; says what may have been meant.
        """
        word = "-".join(text.lower().replace("_", " ").split())
        if word in self.devices:
            return self.devices[word]
        aliases = {alias: device for device in self.devices.values() for alias in device.aliases}
        if word in aliases:
            return aliases[word]
        near = closest(word, [*self.devices, *aliases], limit=_SLIPS)
        raise UsageError(
            f"nothing is known about the device {text!r}",
            hint=f"did you mean {near!r}?" if near else "see bakex platform devices",
        )

    def runs(self, machine: Platform, platform: Platform) -> bool:
        """Return whether a machine runs a platform's code by itself, by rule or by its profile."""
        profile = self.profiles.get(machine)
        return machine.runs(platform) or (profile is not None and platform in profile.runs)


def gather(platforms: Iterable[Document], devices: Iterable[Document]) -> Catalogue:
    """Return the catalogue of some documents; a later one changes what an earlier one says.

    Raises:
        ConfigError: A document is malformed; with its place.
    """
    profiles = {p.platform: p for p in _records(Profile, "platform", platforms)}
    found = {d.device: d for d in _records(Device, "device", devices)}
    return Catalogue(profiles=profiles, devices=found)


def _records(of: type[_T], key: str, documents: Iterable[Document]) -> list[_T]:
    """Return the records of documents, those about one thing laid over one another."""
    found: dict[str, Document] = {}
    for document in documents:
        entries = document.value
        name = cast("dict[str, object]", entries).get(key) if isinstance(entries, dict) else None
        if not isinstance(name, str):
            raise document.error((), f"a file needs the key {key!r} with a name")
        found[name] = document.over(found[name]) if name in found else document
    return [read(of, document, document.value) for document in found.values()]

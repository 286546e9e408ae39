"""Verifying images that are somewhere: whether their files can run on their platforms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bakex.errors import UsageError
from bakex.model.verification import Wishes
from bakex.oci.verified import read_config
from bakex.run.clock import SystemClock
from bakex.verification.facts import Facts
from bakex.verification.image import listed
from bakex.verification.image import verify as verify_image

if TYPE_CHECKING:
    from bakex.api.images import Images
    from bakex.api.located import Located
    from bakex.config import Settings
    from bakex.interfaces import Clock
    from bakex.model.manifest import ImageManifest
    from bakex.model.platform import Platform
    from bakex.model.verification import Verification
    from bakex.platforms.catalogue import Catalogue
    from bakex.platforms.profile import Device, System


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which images of an index are verified, and how.

    Attributes:
        wishes: How.
        platforms: Which; empty for all.
        device: Only for what it runs, and for its processor; None for none.
    """

    wishes: Wishes = field(default_factory=Wishes)
    platforms: tuple[Platform, ...] = ()
    device: Device | None = None

    def system(self, platform: Platform) -> System | None:
        """Return which system of the device runs the images of a platform."""
        return self.device.system(platform) if self.device else None

    def covers(self, platform: Platform) -> bool:
        """Return whether the image of a platform is meant."""
        is_named = not self.platforms or platform in self.platforms
        return is_named and (self.device is None or self.system(platform) is not None)


async def verify(
    images: Images,
    place: str,
    choice: Choice,
    *,
    catalogue: Catalogue,
    facts: Facts,
    clock: Clock | None = None,
) -> list[tuple[Located, list[Verification]]]:
    """Find out whether the files of the images at a place can run on their platforms.

    Args:
        images: Access to images.
        place: Where they are.
        choice: Which of them, and how.
        catalogue: What is known about platforms.
        facts: What is known about layers.
        clock: Says how long it takes; the machine's if None.

    Raises:
        UsageError: There is no image for a platform, or for a device.
        ContentError: Something is missing, malformed, or not what it is said to be.
        RegistryError: The registry refused or failed.
    """
    found: list[tuple[Located, list[Verification]]] = []
    for image in await images.find(place, mirrors=True):
        results = [
            await verify_image(
                image.reader,
                manifest,
                platform,
                wishes=choice.wishes,
                catalogue=catalogue,
                facts=facts,
                clock=clock or SystemClock(),
                device=choice.device,
            )
            for manifest, platform in await _chosen(image, choice)
        ]
        found.append((image, results))
    return found


def layer_facts(settings: Settings) -> Facts:
    """Return what this user's earlier runs have found out about layers."""
    return Facts(settings.cache / "layers")


async def _chosen(image: Located, choice: Choice) -> list[tuple[ImageManifest, Platform]]:
    """Return the images that are meant, with their platforms.

    Raises:
        UsageError: There is none, or not for each platform.
    """
    there: list[tuple[ImageManifest, Platform]] = []
    for manifest, platform in await listed(image.reader, image.root):
        known = platform or (await read_config(image.reader, manifest)).platform
        there.append((manifest, known))
    found = [(manifest, platform) for manifest, platform in there if choice.covers(platform)]
    missing = [p for p in choice.platforms if p not in {platform for _, platform in found}]
    if missing or not found:
        what = f"for {', '.join(map(str, missing))}" if missing else "that can be verified"
        if choice.device is not None and not missing:
            what = f"that runs on {choice.device.title}"
        raise UsageError(
            f"{image.name} has no image {what}",
            hint=f"it has {', '.join(str(platform) for _, platform in there) or 'none'}",
        )
    return found

"""What `bakex image` does, and the text that it answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from bakex.cli.interrupts import watched

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bakex.api.images import Images
    from bakex.cli.backend import Invocation

    Job = Callable[[Images], Awaitable[str]]

_T = TypeVar("_T")


def run(invocation: Invocation, job: Callable[[Images], Awaitable[_T]], *, insecure: bool) -> _T:
    """Do something with images, and return what came of it, such as the text to print.

    Raises:
        BakexError: It cannot be done.
        StoppedError: A signal ended it.
    """
    settings = invocation.backend.settings()

    async def main() -> _T:
        async with invocation.backend.images(settings, insecure=insecure) as images:
            return await job(images)

    with watched() as interrupts:
        return interrupts.run(main)


def verified(place: str, *, contents: bool | None) -> Job:
    """Return the job that checks images; answers with one line for each."""

    async def job(images: Images) -> str:
        found = await images.verify(place, contents=contents)
        return "".join(
            f"{image.name} {image.root.digest} ({', '.join(map(str, platforms))}) ok\n"
            for image, platforms in found
        )

    return job


def described(place: str) -> Job:
    """Return the job that answers with JSON: an object for one image, else a list."""

    async def job(images: Images) -> str:
        import json  # noqa: PLC0415 - only here

        found = await images.describe(place)
        document = found[0] if len(found) == 1 else found
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    return job


def copied(source: str, destinations: Sequence[str]) -> Job:
    """Return the job that copies an image to each destination in turn."""

    async def job(images: Images) -> str:
        lines = [await images.copy(source, destination) for destination in destinations]
        return "".join(f"{image.name}@{image.root.digest}\n" for image in lines)

    return job


def listed(place: str) -> Job:
    """Return the job that lists names, one a line."""

    async def job(images: Images) -> str:
        return "".join(f"{name}\n" for name in await images.tags(place))

    return job


def removed(names: Sequence[str]) -> Job:
    """Return the job that removes tags and manifests."""

    async def job(images: Images) -> str:
        for name in names:
            await images.remove(name)
        return ""

    return job

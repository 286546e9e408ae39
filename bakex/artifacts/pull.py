"""The files of an artifact, back on a disk.

An artifact may come from anywhere. Its files get their names when all of them are there and right:

* Everything is read through `bakex.oci.verified`, into a directory of its own beside the rest.
* Titles are relative paths in their simplest form; packed directories are unpacked without trust.
* Nothing goes through a link, and what is there already stays unless that was asked for.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Self

from bakex._util.threads import in_thread
from bakex.artifacts.attachment import TITLE, UNPACK, check_title
from bakex.errors import ContentError, OutputError
from bakex.model.index import Index
from bakex.model.media_types import OCI_EMPTY
from bakex.oci.verified import read_document, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bakex._util.threads import StopFlag
    from bakex.interfaces import ContentReader
    from bakex.model.descriptor import Descriptor
    from bakex.model.manifest import ImageManifest

    Unpack = Callable[[Path, Path], None]

_SHOWN = 5  # names in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What came of it.

    Attributes:
        files: The files and directories, as their titles say.
        untitled: Blobs that are no files: nothing says what they are called.
    """

    files: tuple[Path, ...]
    untitled: tuple[Descriptor, ...] = ()


async def pull(
    reader: ContentReader,
    root: Descriptor,
    directory: Path,
    *,
    unpack: Unpack,
    overwrite: bool = False,
) -> Pulled:
    """Write the files of an artifact below a directory. Idempotent.

    Args:
        reader: Where the artifact is.
        root: Its manifest.
        directory: Where to; made if it is missing.
        unpack: Unpacks a tar archive into an empty directory, whoever made it.
        overwrite: Replace what is there and is something else.

    Raises:
        ContentError: It is an image or an index, or something is missing, wrong or unsafe.
        RegistryError: The registry refused or failed.
        OutputError: The files cannot be written, or there are others with their names.
    """
    manifest = await artifact(reader, root)
    layers = [layer for layer in manifest.layers if layer.media_type != OCI_EMPTY]
    titled = {_title(layer): layer for layer in layers if layer.annotations.get(TITLE)}
    untitled = tuple(layer for layer in layers if not layer.annotations.get(TITLE))
    if len(titled) + len(untitled) != len(layers):
        raise ContentError(f"{root.digest} has two files with one name")
    with _Staging(directory) as staging:
        for title, layer in titled.items():
            await staging.take(reader, title, layer, unpack)
        await staging.settle(overwrite=overwrite)
    return Pulled(files=tuple(directory / title for title in titled), untitled=untitled)


async def artifact(reader: ContentReader, root: Descriptor) -> ImageManifest:
    """Return the manifest of an artifact.

    Raises:
        ContentError: It is an image or an index.
        RegistryError: The registry refused or failed.
    """
    document = await read_document(reader, root)
    if isinstance(document, Index) or document.is_image:
        kind = "an index" if isinstance(document, Index) else "an image"
        raise ContentError(
            f"{root.digest} is {kind}, not an artifact with files",
            hint="name what is attached to it with --artifact-type, or see bakex discover",
        )
    return document


def _title(layer: Descriptor) -> str:
    return check_title(layer.annotations[TITLE])


class _Staging:
    """A directory beside the results, in which they are made; goes away with what is left in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._place = Path()

    def __enter__(self) -> Self:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._place = Path(tempfile.mkdtemp(dir=self._directory, prefix=".bakex-pull-"))
            self._tree.mkdir()
        except OSError as error:
            raise self._unwritable(error) from None
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._place, ignore_errors=True)

    @property
    def _tree(self) -> Path:
        return self._place / "tree"

    async def take(
        self, reader: ContentReader, title: str, layer: Descriptor, unpack: Unpack
    ) -> None:
        """Fetch one file or directory into the tree.

        Raises:
            ContentError: It is something else, or what is packed is unsafe.
        """
        if layer.annotations.get(UNPACK) != "true":
            await self._fetch(reader, layer, self._tree / title)
            return
        packed, loose = self._place / "packed", self._place / "loose"
        await self._fetch(reader, layer, packed)
        await in_thread(lambda _stop: self._unpack(packed, loose, title, unpack))

    async def _fetch(self, reader: ContentReader, layer: Descriptor, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as out:
                async for chunk in stream(reader, layer):
                    out.write(chunk)
        except FileExistsError:
            raise ContentError(f"{file.name!r} is a file and a directory of the artifact") from None
        except OSError as error:
            raise self._unwritable(error) from None

    def _unpack(self, packed: Path, loose: Path, title: str, unpack: Unpack) -> None:
        try:
            loose.mkdir()
            unpack(packed, loose)
            if not (loose / title).is_dir():
                raise ContentError(f"the packed directory {title!r} holds something else")
            for path in _walk(loose):
                self._move(path, path.relative_to(loose), PurePosixPath(title))
            shutil.rmtree(loose)
            packed.unlink()
        except OSError as error:
            raise self._unwritable(error) from None

    def _move(self, source: Path, path: PurePath, title: PurePath) -> None:
        """Move what was unpacked into the tree; directories are made there."""
        if not (path.is_relative_to(title) or title.is_relative_to(path)):
            raise ContentError(f"the packed directory {str(title)!r} holds {str(path)!r}, too")
        target = self._tree / path
        if source.is_dir() and not source.is_symlink():
            target.mkdir(exist_ok=True)
        elif os.path.lexists(target):
            raise ContentError(f"the artifact has {str(path)!r} twice")
        else:
            source.rename(target)

    async def settle(self, *, overwrite: bool) -> None:
        """Give everything its name, or nothing.

        Raises:
            OutputError: Something else is there already, or a link leads elsewhere.
        """
        await in_thread(lambda stop: self._settle(stop, overwrite=overwrite))

    def _settle(self, stop: StopFlag, *, overwrite: bool) -> None:
        try:
            paths = [path.relative_to(self._tree) for path in _walk(self._tree)]
            self._refuse([path for path in paths if self._is_in_the_way(path, overwrite, stop)])
            for path in paths:
                source, target = self._tree / path, self._directory / path
                if source.is_dir() and not source.is_symlink():
                    target.mkdir(exist_ok=True)
                else:
                    source.replace(target)
        except OSError as error:
            raise self._unwritable(error) from None

    def _is_in_the_way(self, path: Path, overwrite: bool, stop: StopFlag) -> bool:
        stop.check()
        source, target = self._tree / path, self._directory / path
        if not os.path.lexists(target):
            return False
        if source.is_dir() and not source.is_symlink():
            return target.is_symlink() or not target.is_dir()
        if target.is_dir() and not target.is_symlink():
            return True
        return not overwrite and not _same(source, target)

    def _refuse(self, paths: list[Path]) -> None:
        if not paths:
            return
        names = ", ".join(repr(str(path)) for path in paths[:_SHOWN])
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        raise OutputError(
            f"{self._directory} has something else already: {names}{more}",
            detail="Nothing was written.",
            hint="choose another directory with --output, or replace files with --overwrite",
        )

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write below {self._directory}", detail=error.strerror or "")


def _same(first: Path, second: Path) -> bool:
    if first.is_symlink() or second.is_symlink():
        return first.is_symlink() and second.is_symlink() and first.readlink() == second.readlink()
    return second.is_file() and filecmp.cmp(first, second, shallow=False)


def _walk(directory: Path) -> Iterator[Path]:
    """Yield everything below a directory, parents first; links are not followed."""
    for path in sorted(directory.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)

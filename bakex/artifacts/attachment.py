"""What is to be attached: files and directories of this machine, and what is said about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from bakex.errors import ContentError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MANIFEST_SECTION: Final = "$manifest"  # of annotation files: what is said about the whole artifact
CONFIG_SECTION: Final = "$config"
TITLE: Final = "org.opencontainers.image.title"
CREATED: Final = "org.opencontainers.image.created"
CONTENT_DIGEST: Final = "io.deis.oras.content.digest"  # of a packed directory's tar
UNPACK: Final = "io.deis.oras.content.unpack"  # "true": it is a directory
# What oras takes them for without a word from the user.
FILE_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"
DIRECTORY_TYPE: Final = "application/vnd.oci.image.layer.v1.tar+gzip"

_WORD = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}")  # RFC 6838, section 4.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file or directory.

    Attributes:
        text: As it was named, without the media type; annotation files call it that, too.
        path: Where it is, absolute.
        title: Under which name it is found again: a relative path.
        annotations: What else is said about it.
    """

    text: str
    path: Path
    title: str
    media_type: str
    is_directory: bool
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


def check_media_type(text: str, what: str) -> str:
    """Return a media type as it is.

    Args:
        text: What was given.
        what: How messages call it.

    Raises:
        UsageError: Not of the form ``type/subtype``.
    """
    if not _MEDIA_TYPE.fullmatch(text):
        raise UsageError(f"invalid {what} {text!r}", hint="write type/subtype")
    return text


def attachments(texts: Sequence[str], cwd: Path) -> tuple[Attachment, ...]:
    """Read ``FILE[:MEDIATYPE]``, in order; a name that exists as a whole is a file's.

    Relative paths are titles, as in oras; other files go by their last name.

    Raises:
        UsageError: There is no such file, it is of no use, or two would have one title.
    """
    found = tuple(_attachment(text, cwd) for text in texts)
    titles: set[str] = set()
    for item in found:
        if item.title in titles:
            raise UsageError(f"two files have the name {item.title!r}")
        titles.add(item.title)
    for item in found:
        inside = next((p for p in PurePosixPath(item.title).parents if str(p) in titles), None)
        if inside is not None:
            raise UsageError(f"{item.title!r} is attached with {str(inside)!r} already")
    return found


def _attachment(text: str, cwd: Path) -> Attachment:
    name, colon, media_type = text.rpartition(":")
    if not colon or (cwd / text).exists():
        name, media_type = text, ""
    path = cwd / name
    if not name or not path.exists():
        raise UsageError(f"no such file: {name or text!r}", hint="write FILE or FILE:MEDIATYPE")
    is_directory = path.is_dir()
    if not (is_directory or path.is_file()):
        raise UsageError(f"{name!r} is neither a file nor a directory")
    if media_type:
        check_media_type(media_type, "media type")
    default = DIRECTORY_TYPE if is_directory else FILE_TYPE
    return Attachment(
        text=name,
        path=path.absolute(),
        title=_title(name, path),
        media_type=media_type or default,
        is_directory=is_directory,
    )


def _title(name: str, path: Path) -> str:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        pure = PurePosixPath(path.resolve().name)
    try:
        return check_title(str(pure))
    except ContentError:
        raise UsageError(f"{name!r} cannot be the name of a file in an artifact") from None


def check_title(title: str) -> str:
    """Return a title that is safe to use as a path below some directory.

    Raises:
        ContentError: It is not: absolute, leads out, or is no path in its simplest form.
    """
    parts = title.split("/")
    if not title.isprintable() or any(part in {"", ".", ".."} for part in parts):
        raise ContentError(f"the artifact has a file with the unusable name {title!r}")
    return title

"""External build caches: what of ``cache-from`` and ``cache-to`` is sent, and what we fill in.

Each platform of a target is a solve of its own, and each would write its cache under the one name
that the target gives. So the first platform of a target has that name, and every other one a name
that ends with the platform: ``app:cache`` and ``app:cache-linux-arm64``. Both are read.

Source: buildkit README "Export cache", buildx util/buildflags/cache.go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.engines.buildkit import layouts
from bakex.errors import SessionError, UnsupportedAttributeError
from bakex.model.caches import CacheEntry
from bakex.model.node import Feature
from bakex.model.platform import Platform, meant, split_platforms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.node import NodeInfo
    from bakex.model.target import Target

# type of the entry -> its attribute that tells one cache from another
_NAMES: Mapping[str, str] = MappingProxyType(
    {"registry": "ref", "gha": "scope", "s3": "name", "azblob": "name"}
)
_DEFAULT_NAME = "buildkit"  # where the attribute is missing
_TRUE = frozenset({"1", "t", "true"})
# attribute of the entry -> environment variables, the first non-empty one counts
_S3 = (
    ("access_key_id", "AWS_ACCESS_KEY_ID"),
    ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("session_token", "AWS_SESSION_TOKEN"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """Cache options of a solve request.

    Attributes:
        directories: Directories of local caches, by the text that names them in the entries.
        suffix: What the names of this platform's caches end with, see `suffix_of`.
    """

    imports: tuple[CacheEntry, ...] = ()
    exports: tuple[CacheEntry, ...] = ()
    directories: Mapping[str, Path] = field(default_factory=dict[str, "Path"])
    suffix: str = ""

    @property
    def frontend_attr(self) -> str:
        """The imports once more, for the frontend; empty if there are none."""
        entries = [{"Type": entry.type, "Attrs": dict(entry.attrs)} for entry in self.imports]
        return json.dumps(entries, sort_keys=True) if entries else ""


def translate(
    target: Target, info: NodeInfo, settings: Settings, platform: Platform | None = None
) -> Caches:
    """Return a target's caches. Looks at the disk, so call it in a thread.

    Args:
        target: Whose caches.
        info: The node.
        settings: Environment and working directory.
        platform: The one that is built; None for a target that has only one.

    A local cache that is not there yet is no error: the first build makes it. Entries of type
    ``gha`` count only where GitHub's variables are set.

    Raises:
        UnsupportedAttributeError: The node cannot write such a cache.
        SessionError: A local cache lacks its directory's name, or is malformed.
    """
    suffix = suffix_of(target, platform, Platform.parse(settings.machine))
    directories: dict[str, Path] = {}
    imports: list[CacheEntry] = []
    for entry in target.cache_from:
        if entry.type == "local":
            imports.extend(_local_import(target, entry, settings, directories, suffix))
        else:
            own = (_named(entry, suffix), entry) if suffix else (entry,)
            imports.extend(found for one in own for found in _filled(one, settings))
    exports: list[CacheEntry] = []
    for entry in (*target.cache_to, *_inline(target)):
        if entry.type != "inline" and Feature.REMOTE_CACHE not in info.features:
            raise UnsupportedAttributeError(
                f"target {target.name!r}: {info.name} cannot write a cache of type {entry.type!r}",
                detail="Its image store cannot export caches other than inline ones.",
                hint="turn on dockerd's containerd image store, or use another builder",
            )
        if entry.type == "local":
            directory = _directory(target, "cache-to", "dest", entry)
            directories[directory] = settings.cwd / directory
            exports.append(_without(entry, "tag", "reset"))
        else:
            exports.extend(_filled(_named(entry, suffix), settings))
    return Caches(
        imports=tuple(imports), exports=tuple(exports), directories=directories, suffix=suffix
    )


def tag_of(entry: CacheEntry, suffix: str = "") -> str:
    """Return the name that a local cache has in its layout."""
    return (entry.attrs.get("tag") or "latest") + suffix


def suffix_of(target: Target, platform: Platform | None, machine: Platform) -> str:
    """Return what the names of a platform's caches end with; empty for a target's first one.

    Args:
        target: Whose caches.
        platform: The one that is built; None for a target that has only one.
        machine: What ``local`` and an operating system alone stand for.
    """
    words = split_platforms(target.platforms)
    if platform is None or len(words) < 2 or meant(words[0], machine) == platform:
        return ""
    return "-" + str(platform).replace("/", "-")


def _named(entry: CacheEntry, suffix: str) -> CacheEntry:
    """Return an entry with the name of one platform's cache."""
    key = _NAMES.get(entry.type, "")
    if not key or not suffix:
        return entry
    name = entry.attrs.get(key, "")
    if entry.type == "registry":
        if not name or "@" in name:
            return entry
        name += "" if ":" in name.rpartition("/")[2] else ":latest"
    attrs = {**entry.attrs, key: (name or _DEFAULT_NAME) + suffix}
    return CacheEntry(type=entry.type, attrs=attrs)


def _local_import(
    target: Target,
    entry: CacheEntry,
    settings: Settings,
    directories: dict[str, Path],
    suffix: str,
) -> list[CacheEntry]:
    name = _directory(target, "cache-from", "src", entry)
    directory = settings.cwd / name
    digests = [entry.attrs["digest"]] if entry.attrs.get("digest") else []
    if not digests and (directory / "index.json").is_file():
        tags = dict.fromkeys((tag_of(entry, suffix), tag_of(entry)))
        digests = [found for tag in tags if (found := layouts.find(directory, tag))]
    if digests:
        directories[name] = directory
    plain = _without(entry, "tag").attrs
    return [
        CacheEntry(type="local", attrs={**plain, "digest": digest})
        for digest in dict.fromkeys(digests)
    ]


def _directory(target: Target, attribute: str, key: str, entry: CacheEntry) -> str:
    if name := entry.attrs.get(key):
        return name
    raise SessionError(
        f"target {target.name!r}: {attribute} type=local needs {key}",
        hint=f"add {key}=DIRECTORY",
    )


def _without(entry: CacheEntry, *names: str) -> CacheEntry:
    attrs = {name: value for name, value in entry.attrs.items() if name not in names}
    return CacheEntry(type=entry.type, attrs=attrs)


def _inline(target: Target) -> tuple[CacheEntry, ...]:
    asked = target.args.get("BUILDKIT_INLINE_CACHE", "").lower() in _TRUE
    there = any(entry.type == "inline" for entry in target.cache_to)
    return (CacheEntry(type="inline"),) if asked and not there else ()


def _filled(entry: CacheEntry, settings: Settings) -> list[CacheEntry]:
    """Return the entry with what its service needs from the environment; nothing if it is unset."""
    attrs, environ = dict(entry.attrs), settings.environ
    if entry.type == "s3":
        for name, variable in _S3:
            if name not in attrs and environ.get(variable):
                attrs[name] = environ[variable]
    elif entry.type == "gha":
        second = environ.get("ACTIONS_CACHE_SERVICE_V2", "").lower() in _TRUE
        url = ("url_v2", "ACTIONS_RESULTS_URL") if second else ("url", "ACTIONS_CACHE_URL")
        for name, variable in (url, ("token", "ACTIONS_RUNTIME_TOKEN")):
            attrs.setdefault(name, environ.get(variable, ""))
        if not (attrs["token"] and (attrs.get("url") or attrs.get("url_v2"))):
            return []
    return [CacheEntry(type=entry.type, attrs=attrs)]

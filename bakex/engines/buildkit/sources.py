"""Where a build's files come from: its context, its Dockerfile, its named contexts.

Source: spec of bake files, "Named contexts"; buildx build/build.go (loadInputs).
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.engines.buildkit import layouts
from bakex.engines.buildkit.graphs import Graph
from bakex.errors import FrontendError, SessionError, UnsupportedAttributeError
from bakex.model.remote import is_git_over_ssh, is_remote
from bakex.session import upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.building import LinkedContent
    from bakex.model.target import Target
    from bakex.session.filesync.tree import LocalDir

_CWD = "cwd://"
_SCHEME = re.compile(r"(docker-image|oci-layout|target):")
_RESERVED = frozenset({"context", "dockerfile"})
_DEFAULT = "Dockerfile"


@dataclass(slots=True, kw_only=True)
class Sources:
    """Collects frontend attributes, directories and layouts; see `Recipe` for what they are."""

    attrs: dict[str, str] = field(default_factory=dict[str, str])
    dirs: dict[str, LocalDir] = field(default_factory=dict[str, "LocalDir"])
    layouts: dict[str, Path] = field(default_factory=dict[str, Path])
    uploads: dict[str, Path] = field(default_factory=dict[str, Path])
    graphs: dict[str, Graph] = field(default_factory=dict[str, "Graph"])
    dockerfile: str = _DEFAULT


def gather(target: Target, inputs: Mapping[str, LinkedContent | Graph], cwd: Path) -> Sources:
    """Return everything a target's build reads. Looks at the disk, so call it in a thread.

    Raises:
        SessionError: A directory or layout is missing.
        FrontendError: The Dockerfile is missing.
        UnsupportedAttributeError: A source of a kind that cannot be offered.
    """
    sources = Sources()
    _main(sources, target, cwd)
    _dockerfile(sources, target, cwd)
    for name, value in target.contexts.items():
        _named(sources, target, name, value, inputs, cwd)
    for name, content in inputs.items():
        if name not in target.contexts:  # the same for another platform
            _linked(sources, name, content)
    if target.contexts:
        # An older frontend would ignore named contexts; this makes it say so instead.
        sources.attrs["frontend.caps"] = "moby.buildkit.frontend.contexts+forward"
    return sources


def _main(sources: Sources, target: Target, cwd: Path) -> None:
    text = target.context or "."
    if is_remote(text):
        sources.attrs["context"] = text
    elif _SCHEME.match(text):
        raise UnsupportedAttributeError(
            f"target {target.name!r}: context {text!r} is neither a directory nor a URL",
            hint="images, layouts and targets can be named contexts",
        )
    elif _is_archive(path := cwd / text.removeprefix(_CWD)):
        name = _id("u", path)
        sources.uploads[name] = path
        sources.attrs["context"] = upload.PREFIX + name
    else:
        sources.dirs["context"] = _directory(target, "context", text, cwd)


def _is_archive(path: Path) -> bool:
    return path.is_file() and tarfile.is_tarfile(path)


def _dockerfile(sources: Sources, target: Target, cwd: Path) -> None:
    local = "context" in sources.dirs
    name = target.dockerfile or _DEFAULT
    if target.dockerfile_inline:
        sources.dirs["dockerfile"] = {_DEFAULT: target.dockerfile_inline.encode()}
        sources.attrs["filename"] = _DEFAULT
        sources.dockerfile = "inline"
    elif name.startswith(("http://", "https://")):
        raise UnsupportedAttributeError(
            f"target {target.name!r}: dockerfile {name!r} is a URL",
            detail="A Dockerfile is read from a directory or from the context, not from a URL.",
            hint="download it and name the file",
        )
    elif local or name.startswith(_CWD):
        _local_dockerfile(sources, target, name, cwd)
    else:
        sources.attrs["filename"] = sources.dockerfile = name
        return
    if not local:
        # With a remote context the Dockerfile would be looked for there.
        sources.attrs["dockerfilekey"] = "dockerfile"


def _local_dockerfile(sources: Sources, target: Target, name: str, cwd: Path) -> None:
    if name.startswith(_CWD):
        path, shown = cwd / name.removeprefix(_CWD), name.removeprefix(_CWD)
    else:
        context = (target.context or ".").removeprefix(_CWD)
        path, shown = cwd / context / name, posixpath.normpath(posixpath.join(context, name))
    if not path.exists() and path.name == _DEFAULT and path.with_name("dockerfile").exists():
        path = path.with_name("dockerfile")
    if not path.is_file():
        raise FrontendError(
            f"target {target.name!r}: there is no Dockerfile {shown!r}",
            detail="" if not path.exists() else "There is something of that name, but no file.",
            hint="set dockerfile, which is relative to the context",
        )
    real = path.resolve()
    if path.is_symlink() and not real.is_relative_to(path.parent.resolve()):
        # The daemon follows links only within the directory that it is offered.
        path = real
    sources.dirs["dockerfile"] = path.parent
    sources.attrs["filename"] = path.name
    sources.dockerfile = shown


def _named(
    sources: Sources,
    target: Target,
    name: str,
    value: str,
    inputs: Mapping[str, LinkedContent | Graph],
    cwd: Path,
) -> None:
    key = _key(name)
    content = inputs.get(name)
    if content is not None:
        _linked(sources, name, content)
    elif value.startswith("target:"):
        raise UnsupportedAttributeError(
            f"target {target.name!r}: context {name!r} needs {value!r}, which was not built",
            hint="build both targets in one run",
        )
    elif value.startswith(layouts.PREFIX):
        sources.attrs[key] = _layout(sources, target, name, value, cwd)
    elif value.startswith("docker-image://"):
        sources.attrs[key] = value
    elif is_remote(value):
        _need_ssh(target, name, value)
        sources.attrs[key] = value
    else:
        local = f"_{name}" if name in _RESERVED else name
        sources.dirs[local] = _directory(target, f"contexts.{name}", value, cwd)
        sources.attrs[key] = f"local:{local}"


def _linked(sources: Sources, name: str, content: LinkedContent | Graph) -> None:
    key = _key(name)
    if isinstance(content, Graph):
        sources.graphs[key] = content
        sources.attrs.update(content.attributes(key))
    else:
        store = _offer(sources, content.layout)
        sources.attrs[key] = f"{layouts.PREFIX}{store}@{content.root.digest}"


def _key(name: str) -> str:
    name, separator, platform = name.partition("::")
    return f"context:{_familiar(name)}{separator}{platform}"


def _layout(sources: Sources, target: Target, name: str, value: str, cwd: Path) -> str:
    path, tag, digest = layouts.split(value)
    directory = cwd / path
    if not digest:
        found = layouts.find(directory, tag or "latest")
        if found is None:
            raise SessionError(
                f"target {target.name!r}: context {name!r}: {value!r} names no image",
                detail=f"No entry of index.json has the tag {tag or 'latest'!r}.",
                hint="name a tag that is in the layout, or a digest",
            )
        digest = found
    elif not directory.is_dir():
        raise SessionError(
            f"target {target.name!r}: context {name!r}: there is no directory {path!r}"
        )
    store = _offer(sources, directory)
    return f"{layouts.PREFIX}{store}{':' + tag if tag else ''}@{digest}"


def _offer(sources: Sources, directory: Path) -> str:
    """Return the id of a layout; the same directory always has the same, to share sessions."""
    store = _id("s", directory)
    sources.layouts[store] = directory
    return store


def _id(kind: str, path: Path) -> str:
    return kind + hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:24]


def _directory(target: Target, attribute: str, text: str, cwd: Path) -> Path:
    path = cwd / text.removeprefix(_CWD)
    if not path.is_dir():
        found = "is not a directory" if path.exists() else "does not exist"
        raise SessionError(
            f"target {target.name!r}: {attribute} {text!r} {found}",
            hint="paths are relative to the working directory",
        )
    return path


def _need_ssh(target: Target, name: str, text: str) -> None:
    if is_git_over_ssh(text) and not target.ssh and not is_git_over_ssh(target.context or ""):
        raise UnsupportedAttributeError(
            f"target {target.name!r}: context {name!r} needs SSH, and the target has no ssh",
            detail=f"{text!r} is read with an SSH key.",
            hint='add ssh = ["default"] to forward your agent',
        )


def _familiar(name: str) -> str:
    """Return a context's name as frontends look it up: like an image's, without its defaults."""
    for prefix in ("docker.io/library/", "docker.io/", "index.docker.io/library/"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return name.removesuffix(":latest")

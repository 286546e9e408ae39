"""What targets ask of the host beyond an ordinary build, and what was granted (spec/bake-file 5.9).

Pure: paths are compared after a function, given as an argument, has made them absolute and resolved
their links. Nothing is asked here, and nothing is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Self

from bakex.bake import overrides
from bakex.bake.links import is_link
from bakex.errors import DefinitionError, EntitlementError, UsageError
from bakex.model.caches import CacheEntry
from bakex.model.outputs import STDOUT, Output
from bakex.model.remote import is_git_over_ssh, is_remote
from bakex.model.secrets import Secret
from bakex.model.ssh import Ssh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bakex.model.target import Target

EVERYTHING = "*"
_LOCAL = "cwd://"
_LAYOUT = "oci-layout://"
_DIGEST = re.compile(r"@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}$")
_TAG = re.compile(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")


class Kind(StrEnum):
    """A privilege, spelled as ``--allow`` does; in the order in which they are listed."""

    NETWORK_HOST = "network.host"
    SECURITY_INSECURE = "security.insecure"
    DEVICE = "device"
    DELETE = "buildx.local.delete"
    SSH = "ssh"
    READ = "fs.read"
    WRITE = "fs.write"
    IMAGE = "image"  # the image privileges are accepted and not enforced, as in the reference
    IMAGE_PUSH = "image.push"
    IMAGE_LOAD = "image.load"


_ORDER = tuple(Kind)
_BUILD = frozenset({Kind.NETWORK_HOST, Kind.SECURITY_INSECURE, Kind.DEVICE})
_WITHOUT_VALUE = frozenset({Kind.NETWORK_HOST, Kind.SECURITY_INSECURE, Kind.SSH, Kind.DELETE})
_PATHS = frozenset({Kind.READ, Kind.WRITE})
OF_FILES = _PATHS | {Kind.SSH}  # what BUILDX_BAKE_ENTITLEMENTS_FS switches off


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A privilege, and the path or device that it is about; an empty device is any device."""

    kind: Kind
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}={self.value}" if self.value else str(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the user allows."""

    entitlements: tuple[Entitlement, ...] = ()

    @classmethod
    def parse(cls, allow: Sequence[str], overrides: Sequence[str] = ()) -> Self:
        """Read ``--allow`` options; ``fs=PATH`` grants both reading and writing.

        Args:
            allow: ``--allow`` options, in any order.
            overrides: ``--set`` options: who names the path of an output, a cache, a secret or SSH
                on the command line allows it; likewise entitlements, but no context.

        Raises:
            UsageError: An unknown privilege, or a value where there can be none.
            OverrideError: An override that is malformed.
        """
        found = [e for text in allow if text for e in _allowed(text)]
        found += [e for text in overrides for e in _of_override(text)]
        return cls(entitlements=tuple(found))


def _allowed(text: str) -> Iterator[Entitlement]:
    key, equals, value = text.partition("=")
    if key == "fs":
        yield from (Entitlement(Kind.READ, value), Entitlement(Kind.WRITE, value))
        return
    if key not in _ORDER:
        raise UsageError(f"unknown privilege {key!r}", hint=f"there are fs, {', '.join(_ORDER)}")
    if key in _WITHOUT_VALUE and equals:
        raise UsageError(f"privilege {key!r} takes no value", hint=f"write --allow {key}")
    yield Entitlement(Kind(key), value)


def _of_override(text: str) -> Iterator[Entitlement]:
    option = overrides.split(text, {})
    if option is None or not option[1].values[-1]:
        return
    key, value = option[1].key, option[1].values[-1]
    if key == "output":
        # Deleting is more than writing: naming the directory does not allow it.
        found = (e for output in Output.parse(value) for e in _of_output(output))
        yield from (e for e in found if e.kind is not Kind.DELETE)
    elif key in {"cache-from", "cache-to"}:
        yield from (e for cache in CacheEntry.parse(value) for e in _of_cache(cache))
    elif key in {"secret", "secrets"}:
        yield from (e for secret in Secret.parse(value) for e in _of_secret(secret))
    elif key == "ssh":
        yield from (e for ssh in Ssh.parse(value) for e in _of_ssh(ssh))
    elif key == "entitlements":
        yield _of_text(value)


def needed(targets: Iterable[Target]) -> tuple[Entitlement, ...]:
    """Return what targets ask for on any platform, each once, in the order of `Kind`.

    Raises:
        DefinitionError: A target asks for an unknown entitlement.
    """
    forms = (form for target in targets for form in target.effective())
    found = dict.fromkeys(entitlement for form in forms for entitlement in _of_target(form))
    return tuple(sorted(found, key=lambda entitlement: _ORDER.index(entitlement.kind)))


def missing(
    targets: Iterable[Target],
    grant: Grant,
    *,
    cwd: PurePath,
    resolve_path: Callable[[str], str],
) -> tuple[Entitlement, ...]:
    """Return what targets ask for and nobody granted, in the order of `Kind`.

    The working directory is granted for reading and writing. A path below another one that is
    missing is not listed. All targets count together.

    Args:
        targets: Those that will be built, linked ones too.
        grant: What the user allows.
        cwd: The working directory, absolute.
        resolve_path: Resolves the links of an absolute path as far as it exists; `os.path.realpath`
            does.

    Raises:
        DefinitionError: A target asks for an unknown entitlement.
    """

    def resolve(path: str) -> PurePath:
        return PurePath(resolve_path(str(cwd / path)))

    allowed = [*grant.entitlements, Entitlement(Kind.READ), Entitlement(Kind.WRITE)]
    left = [item for item in needed(targets) if not _is_granted(item, allowed, resolve)]
    return tuple(
        item
        for item in left
        if not any(_is_below(item, other, resolve) for other in left if other is not item)
    )


def refusal(lacking: Sequence[Entitlement]) -> EntitlementError:
    """Return the error that names what is asked for, and the options that grant it."""
    return EntitlementError(
        "the build asks for privileges that were not granted",
        detail="\n".join(f"- {line}" for line in described(lacking)),
        hint=f"pass {' '.join(flags(lacking))}",
    )


def described(entitlements: Sequence[Entitlement]) -> tuple[str, ...]:
    """Return one line for each thing that is asked for, in words."""
    lines: list[str] = []
    for kind, value in _combined(entitlements):
        match kind:
            case Kind.NETWORK_HOST:
                lines.append("Running build containers that can access host network")
            case Kind.SECURITY_INSECURE:
                lines.append("Running privileged containers that can make system changes")
            case Kind.DEVICE:
                lines.append(f"Access to device {value}" if value else "Access to CDI devices")
            case Kind.DELETE:
                lines.append("Deleting stale files from local output destinations")
            case Kind.SSH:
                lines.append("Forwarding default SSH agent socket")
            case _:
                lines.append(f"{_ACCESS.get(kind, 'Access')} to path {value}")
    return tuple(lines)


def flags(entitlements: Sequence[Entitlement]) -> tuple[str, ...]:
    """Return the ``--allow`` options that grant what is asked for."""
    return tuple(
        f"--allow={kind}={value}" if value else f"--allow={kind}"
        for kind, value in _combined(entitlements)
    )


_ACCESS = {"fs": "Read and write access", Kind.READ: "Read access", Kind.WRITE: "Write access"}


def _combined(entitlements: Sequence[Entitlement]) -> Iterator[tuple[str, str]]:
    both = {e.value for e in entitlements if e.kind is Kind.READ} & {
        e.value for e in entitlements if e.kind is Kind.WRITE
    }
    for entitlement in entitlements:
        if entitlement.kind in _PATHS and entitlement.value in both:
            if entitlement.kind is Kind.READ:
                yield "fs", entitlement.value
        else:
            yield entitlement.kind, entitlement.value


def _is_granted(
    item: Entitlement, granted: Sequence[Entitlement], resolve: Callable[[str], PurePath]
) -> bool:
    same = [grant for grant in granted if grant.kind is item.kind]
    if item.kind not in _PATHS:
        return any(grant.value in {"", item.value} for grant in same)
    path = resolve(item.value)
    return any(
        grant.value == EVERYTHING or path.is_relative_to(resolve(grant.value)) for grant in same
    )


def _is_below(item: Entitlement, other: Entitlement, resolve: Callable[[str], PurePath]) -> bool:
    if item.kind not in _PATHS or other.kind is not item.kind:
        return False
    path, parent = resolve(item.value), resolve(other.value)
    return path != parent and path.is_relative_to(parent)


def _of_target(target: Target) -> Iterator[Entitlement]:
    for text in target.entitlements:
        yield _of_text(text)
    if target.network == "host":
        yield Entitlement(Kind.NETWORK_HOST)
    yield from _of_contexts(target)
    for cache in (*target.cache_from, *target.cache_to):
        yield from _of_cache(cache)
    for secret in target.secret:
        yield from _of_secret(secret)
    implied = (Ssh(),) if is_git_over_ssh(target.context or "") else ()
    for ssh in target.ssh or implied:
        yield from _of_ssh(ssh)
    for output in target.output:
        yield from _of_output(output)


def _of_text(text: str) -> Entitlement:
    key, _, value = text.partition("=")
    if key not in _BUILD:
        raise DefinitionError(
            f"unknown entitlement {text!r}", hint=f"there are {', '.join(sorted(_BUILD))}"
        )
    return Entitlement(Kind(key), value)


def _of_contexts(target: Target) -> Iterator[Entitlement]:
    context = target.context or "."
    if not is_remote(context):
        yield Entitlement(Kind.READ, context)
    dockerfile = target.dockerfile or ""
    if dockerfile.startswith(_LOCAL):
        yield Entitlement(Kind.READ, dockerfile.removeprefix(_LOCAL))
    elif dockerfile and not target.dockerfile_inline and not is_remote(context):
        # An absolute path stays what it is when it is joined.
        path = dockerfile if dockerfile.startswith("/") else f"{context}/{dockerfile}"
        if not is_remote(dockerfile):
            yield Entitlement(Kind.READ, path)
    for value in target.contexts.values():
        if value.startswith(_LAYOUT):
            yield Entitlement(Kind.READ, layout_path(value))
        elif not (is_link(value) or is_remote(value) or value.startswith("docker-image:")):
            yield Entitlement(Kind.READ, value.removeprefix(_LOCAL))


def layout_path(context: str) -> str:
    """Return the directory of an ``oci-layout://PATH[:TAG][@DIGEST]`` context."""
    path = _DIGEST.sub("", context.removeprefix(_LAYOUT))
    return _TAG.sub("", path)


def _of_cache(cache: CacheEntry) -> Iterator[Entitlement]:
    if "src" in cache.attrs:
        yield Entitlement(Kind.READ, cache.attrs["src"])
    if "dest" in cache.attrs:
        yield Entitlement(Kind.WRITE, cache.attrs["dest"])


def _of_secret(secret: Secret) -> Iterator[Entitlement]:
    if secret.src:
        yield Entitlement(Kind.READ, secret.src)


def _of_ssh(ssh: Ssh) -> Iterator[Entitlement]:
    if not ssh.paths:
        yield Entitlement(Kind.SSH)
    for path in ssh.paths:
        yield Entitlement(Kind.READ, path)


def _of_output(output: Output) -> Iterator[Entitlement]:
    if output.dest not in {"", STDOUT}:
        yield Entitlement(Kind.WRITE, output.dest)
    if output.type == "local" and output.attrs.get("mode") == "delete":
        yield Entitlement(Kind.DELETE)

"""What is configured about registry hosts: mirrors, other places, trust; in two formats.

* ``registries.conf`` of containers (containers-registries.conf(5)), version 2 and the few words of
  version 1 that are about trust: the user's file or else the system's, then all of both
  ``registries.conf.d``, where a later entry for a prefix replaces an earlier one.
* ``buildkitd.toml`` (BuildKit docs/buildkitd.toml.md, ``registry``), which users of builders have
  already. What it says about a host adds to what the other one says.

Mirrors and rewritten locations are for reading; what is pushed goes to where it is named.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bakex.errors import ConfigError
from bakex.model.reference import HUB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bakex.config import Settings
    from bakex.model.reference import Reference

_MAX_FILE = 4 << 20
_WHEN = frozenset({"all", "digest-only", "tag-only"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where content can be had instead.

    Attributes:
        location: Host, with a path where it keeps that content below one.
        insecure: Whether TLS need not be verified, or plain HTTP will do.
        when: For which references: ``all``, ``digest-only`` or ``tag-only``.
    """

    location: str
    insecure: bool = False
    when: str = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is configured for some references.

    Attributes:
        prefix: Host, or host and the beginning of a path, or ``*.domain``.
        location: Takes the place of the prefix; empty to leave it.
        file: Where that stands, for messages.
    """

    prefix: str
    location: str = ""
    insecure: bool = False
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()
    file: Path = Path()

    def covers(self, name: str) -> bool:
        """Return whether a repository's full name begins with the prefix."""
        if self.prefix.startswith("*."):
            host = name.partition("/")[0].rsplit(":", 1)[0]
            return host.endswith(self.prefix[1:])
        return name == self.prefix or name.startswith((f"{self.prefix}/", f"{self.prefix}:"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Certificates for one host: more authorities, and pairs of a certificate and its key."""

    authorities: tuple[Path, ...] = ()
    pairs: tuple[tuple[Path, Path], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A repository to read from."""

    name: str
    insecure: bool = False


class Hosts:
    """Reads the files when they are first needed, and answers from them."""

    def __init__(
        self,
        settings: Settings,
        *,
        containers: Sequence[Path] | None = None,
        buildkit: Sequence[Path] | None = None,
    ) -> None:
        """Take the settings; no file is read yet.

        Args:
            settings: For the places of the files.
            containers: Instead of the usual files in the format of ``registries.conf``.
            buildkit: Instead of the usual files in the format of ``buildkitd.toml``.
        """
        self._containers = _containers_files(settings) if containers is None else containers
        self._buildkit = _buildkit_files(settings) if buildkit is None else buildkit
        self._rules: tuple[Rule, ...] | None = None
        self._trust: dict[str, Trust] = {}

    def rule(self, reference: Reference) -> Rule:
        """Return what holds for a reference: the entry with the longest prefix.

        Raises:
            ConfigError: A file cannot be read, or says nothing sensible.
        """
        found = [rule for rule in self._read() if rule.covers(reference.repository)]
        return max(found, key=lambda rule: len(rule.prefix), default=Rule(prefix=reference.host))

    def trust(self, host: str) -> Trust:
        """Return the certificates for ``host[:port]``.

        Raises:
            ConfigError: A file cannot be read, or says nothing sensible.
        """
        self._read()
        return self._trust.get(host, Trust())

    def endpoints(self, reference: Reference) -> tuple[Endpoint, ...]:
        """Return where to read a reference from, in order: mirrors, then the place itself.

        Raises:
            ConfigError: It is blocked, or a file cannot be read.
        """
        rule = self.rule(reference)
        check_blocked(rule, reference)
        skipped = "tag-only" if reference.digest is not None else "digest-only"
        name = reference.repository
        # A wildcard stands for no certain text, so all of the name stays.
        rest = name if rule.prefix.startswith("*.") else name[len(rule.prefix) :]
        mirrors = [
            Endpoint(name=_joined_name(mirror.location, rest), insecure=mirror.insecure)
            for mirror in rule.mirrors
            if mirror.when != skipped
        ]
        own = f"{rule.location}{rest}" if rule.location and rest != name else name
        return (*mirrors, Endpoint(name=own, insecure=rule.insecure))

    def _read(self) -> tuple[Rule, ...]:
        if self._rules is None:
            rules: dict[str, Rule] = {}
            for path in self._containers:
                for rule in _containers_rules(path, _document(path)):
                    rules[rule.prefix] = rule
            for path in self._buildkit:
                for rule, trust in _buildkit_rules(path, _document(path)):
                    rules[rule.prefix] = _joined(rules.get(rule.prefix), rule)
                    self._trust.setdefault(rule.prefix, trust)
            self._rules = tuple(rules.values())
        return self._rules


def _joined_name(location: str, rest: str) -> str:
    return f"{location}{rest}" if rest.startswith("/") or not rest else f"{location}/{rest}"


def check_blocked(rule: Rule, reference: Reference) -> None:
    """Make sure that a reference may be used.

    Raises:
        ConfigError: A configuration file says that it may not.
    """
    if rule.blocked:
        raise ConfigError(
            f"{reference.repository} must not be used: {rule.prefix} is blocked",
            detail=f"The file {rule.file} says so.",
        )


def _containers_files(settings: Settings) -> tuple[Path, ...]:
    given = settings.environ.get("CONTAINERS_REGISTRIES_CONF")
    if given:
        return (Path(given),)
    system = Path("/etc/containers")
    config = Path(settings.environ.get("XDG_CONFIG_HOME") or settings.home / ".config")
    own = config / "containers"
    first = own if (own / "registries.conf").is_file() else system
    more = [sorted((place / "registries.conf.d").glob("*.conf")) for place in (system, own)]
    return (first / "registries.conf", *more[0], *more[1])


def _buildkit_files(settings: Settings) -> tuple[Path, ...]:
    environ = settings.environ
    config = Path(environ.get("XDG_CONFIG_HOME") or settings.home / ".config")
    buildx = Path(environ.get("BUILDX_CONFIG") or settings.docker_config / "buildx")
    return (
        buildx / "buildkitd.default.toml",
        config / "buildkit" / "buildkitd.toml",
        Path("/etc/buildkit/buildkitd.toml"),
    )


def _document(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.loads(file.read(_MAX_FILE).decode())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}", detail=error.strerror or "") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML", detail=str(error)) from None


def _containers_rules(path: Path, document: Mapping[str, Any]) -> Iterator[Rule]:
    for entry in _tables(path, document.get("registry"), "registry"):
        location, prefix = _text(entry, "location"), _text(entry, "prefix")
        if not (location or prefix):
            raise ConfigError(f"{path}: a registry needs a location or a prefix")
        digests = entry.get("mirror-by-digest-only") is True
        mirrors = _tables(path, entry.get("mirror"), "mirror")
        yield Rule(
            prefix=_canonical(prefix or location),
            location=_canonical(location) if prefix else "",
            insecure=entry.get("insecure") is True,
            blocked=entry.get("blocked") is True,
            mirrors=tuple(_mirror(path, mirror, digests=digests) for mirror in mirrors),
            file=path,
        )
    old = document.get("registries")
    if isinstance(old, Mapping):  # version 1
        yield from _old_rules(path, cast("Mapping[str, Any]", old))


def _old_rules(path: Path, tables: Mapping[str, Any]) -> Iterator[Rule]:
    for key in ("insecure", "block"):
        table = tables.get(key)
        listed = cast("Mapping[str, Any]", table).get("registries") if table else None
        for host in cast("list[object]", listed) if isinstance(listed, list) else []:
            name = _canonical(str(host))
            yield Rule(prefix=name, insecure=key == "insecure", blocked=key == "block", file=path)


def _mirror(path: Path, entry: Mapping[str, Any], *, digests: bool) -> Mirror:
    location = _text(entry, "location")
    when = _text(entry, "pull-from-mirror") or ("digest-only" if digests else "all")
    if not location or when not in _WHEN:
        raise ConfigError(f"{path}: a mirror has no location, or an unknown pull-from-mirror")
    return Mirror(location=_canonical(location), insecure=entry.get("insecure") is True, when=when)


def _buildkit_rules(path: Path, document: Mapping[str, Any]) -> Iterator[tuple[Rule, Trust]]:
    tables = document.get("registry")
    if tables is None:
        return
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{path}: registry must be a table")
    for host, value in cast("Mapping[str, Any]", tables).items():
        (entry,) = _tables(path, [value], f"registry.{host}")
        mirrors = tuple(Mirror(location=_canonical(text)) for text in _texts(entry, "mirrors"))
        pairs = _tables(path, entry.get("keypair"), "keypair")
        rule = Rule(
            prefix=_canonical(host),
            insecure=entry.get("insecure") is True or entry.get("http") is True,
            mirrors=mirrors,
            file=path,
        )
        trust = Trust(
            authorities=tuple(map(Path, _texts(entry, "ca"))),
            pairs=tuple((Path(_text(p, "cert")), Path(_text(p, "key"))) for p in pairs),
        )
        yield rule, trust


def _joined(first: Rule | None, second: Rule) -> Rule:
    if first is None:
        return second
    return replace(
        first,
        insecure=first.insecure or second.insecure,
        mirrors=first.mirrors or second.mirrors,
    )


def _tables(path: Path, value: object, what: str) -> tuple[Mapping[str, Any], ...]:
    listed = cast("Iterable[object]", value) if isinstance(value, list) else ()
    tables = tuple(cast("Mapping[str, Any]", t) for t in listed if isinstance(t, Mapping))
    if value is not None and (not isinstance(value, list) or len(tables) != len(value)):  # pyright: ignore[reportUnknownArgumentType] - TOML
        raise ConfigError(f"{path}: {what} must be a table")
    return tables


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key)
    listed = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(text for text in listed if isinstance(text, str))


def _canonical(name: str) -> str:
    """Return a host and path without a scheme, and with one name for Docker Hub."""
    text = name.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, slash, path = text.partition("/")
    return f"{HUB if host in {'index.docker.io', 'registry-1.docker.io'} else host}{slash}{path}"

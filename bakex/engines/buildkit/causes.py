"""The causes of failed builds that deserve words of their own, as a table.

The patterns are BuildKit's texts since 0.8; what none of them matches is shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.errors import (
    BuildError,
    DeniedError,
    EntitlementError,
    FrontendError,
    NameUnknownError,
    PushError,
    RegistryError,
    SessionError,
    StepFailedError,
    UnauthorizedError,
    UnsupportedAttributeError,
    UnsupportedOutputError,
)

if TYPE_CHECKING:
    from bakex.errors import BakexError

_NOISE = re.compile(
    r"^(?:failed to solve(?: with frontend [\w.]+)?: |failed to build LLB: |"
    r"rpc error: code = \w+ desc = |ERROR: |executor failed running: )+"
)


def clean(message: str) -> str:
    """Return a message without the prefixes that the daemon's layers add."""
    return _NOISE.sub("", message).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A known cause.

    Attributes:
        pattern: Found in the daemon's text; its groups go into the templates by name.
        error: What is raised.
        title: Template of the summary.
        remedy: Template of the hint.
        complete: The summary says everything; the daemon's text adds nothing.
    """

    pattern: re.Pattern[str]
    error: type[BakexError]
    title: str
    remedy: str = ""
    complete: bool = False

    def summary(self, match: re.Match[str]) -> str:
        """Return the summary for a text that matched."""
        return self.title.format(**_groups(match))

    def hint(self, match: re.Match[str]) -> str:
        """Return the hint for a text that matched."""
        return self.remedy.format(**_groups(match))


def _groups(match: re.Match[str]) -> dict[str, str]:
    return {name: value or "" for name, value in match.groupdict().items()}


def _cause(
    pattern: str, error: type[BakexError], title: str, remedy: str = "", *, complete: bool = False
) -> Cause:
    return Cause(
        pattern=re.compile(pattern, re.DOTALL),
        error=error,
        title=title,
        remedy=remedy,
        complete=complete,
    )


# The first match counts, so the special ones come first.
CAUSES: tuple[Cause, ...] = (
    _cause(
        r"failed to read dockerfile: open (?P<name>\S+): no such file",
        FrontendError,
        "there is no Dockerfile {name!r}",
        "set dockerfile, which is relative to the context",
        complete=True,
    ),
    _cause(
        r'target stage "(?P<name>[^"]*)" could not be found',
        FrontendError,
        "the Dockerfile has no stage {name!r}",
        "set target to a name that a FROM line gives with AS",
        complete=True,
    ),
    _cause(
        r"dockerfile parse error (?:on line \d+|line \d+): (?P<what>.*)",
        FrontendError,
        "the Dockerfile is malformed: {what}",
        complete=True,
    ),
    _cause(
        r"the Dockerfile cannot be empty|file with no instructions",
        FrontendError,
        "the Dockerfile is empty",
        "write at least a FROM line",
        complete=True,
    ),
    _cause(
        r'(?:failed to calculate checksum of ref .*?|failed to walk .*?): "?(?P<name>/[^":]*)"?: '
        r"not found",
        FrontendError,
        "{name!r} is not in the build context or stage that it is copied from",
        "check the path, and whether .dockerignore leaves it out",
        complete=True,
    ),
    _cause(
        r"(?:secret|failed to get secret|could not find secret) (?P<name>[^\s:]+): not found",
        SessionError,
        "the build asks for the secret {name!r}, which the target does not have",
        "add id={name} to the target's secret list",
        complete=True,
    ),
    _cause(
        r'(?:unset ssh forward key|no SSH key) "?(?P<name>[^\s:"]+)',
        SessionError,
        "the build asks for the SSH agent {name!r}, which the target does not have",
        'add "{name}" to the target\'s ssh list',
        complete=True,
    ),
    _cause(
        r"(?P<name>network\.host|security\.insecure|device\S*) is not allowed",
        EntitlementError,
        "the daemon does not allow {name}",
        "allow it in the daemon's configuration (insecure-entitlements)",
        complete=True,
    ),
    _cause(
        r"failed to push (?P<name>[^:\s]+(?::\d+)?[^:\s]*).*?"
        r"(?:\b401\b|[Uu]nauthorized|authorization failed|no basic auth)",
        UnauthorizedError,
        "the registry wants other credentials to push {name}",
        "log in to the registry",
    ),
    _cause(
        r"failed to push (?P<name>[^:\s]+(?::\d+)?[^:\s]*).*?(?:\b403\b|[Ff]orbidden|denied)",
        DeniedError,
        "the registry does not allow to push {name}",
        "check that the account may write to that repository",
    ),
    _cause(
        r"failed to push (?P<name>[^:\s]+(?::\d+)?[^:\s]*)",
        PushError,
        "{name} cannot be pushed",
    ),
    _cause(
        r"pull access denied|failed to authorize|failed to fetch (?:anonymous|oauth) token",
        UnauthorizedError,
        "a base image may not exist, or needs credentials",
        "check the name in FROM, and log in to its registry",
    ),
    _cause(
        r"failed to resolve source metadata for (?P<name>\S+): .*not found",
        NameUnknownError,
        "the base image {name} does not exist",
        "check the name in FROM",
    ),
    _cause(
        r"failed to resolve source metadata for (?P<name>\S+): .*no match for platform",
        FrontendError,
        "the base image {name} is not there for this platform",
        "choose another base image, or leave the platform out",
    ),
    _cause(
        r"failed to resolve source metadata for (?P<name>\S+):",
        RegistryError,
        "the base image {name} cannot be read",
        "check that the node reaches the registry",
    ),
    _cause(
        r"exec format error",
        StepFailedError,
        "a program in the image is not for a platform that the node can run",
        "install an emulator for the platform, or build on a node of that platform",
    ),
    _cause(
        r"network bridge not found",
        BuildError,
        "the daemon has no network of its own for RUN steps",
        'set network to "host" and allow network.host',
        complete=True,
    ),
    _cause(
        r"no space left on device",
        BuildError,
        "the node has no disk space left",
        "remove old build caches on the node",
    ),
    _cause(
        r'unknown cache (?P<what>exporter|importer): "(?P<name>[^"]*)"',
        UnsupportedAttributeError,
        "the daemon has no cache of type {name!r}",
        "use type=registry or type=local",
        complete=True,
    ),
    _cause(
        r'exporter "(?P<name>[^"]*)" could not be found',
        UnsupportedOutputError,
        "the daemon has no exporter {name!r}",
        "use another type of output, or a newer daemon",
        complete=True,
    ),
    _cause(
        r"unsupported request frontend\.(?P<name>\S+?):?(?:\s|$)",
        FrontendError,
        "the frontend has no method {name!r}",
        "use a newer frontend in the Dockerfile's syntax line, or a newer daemon",
        complete=True,
    ),
    _cause(
        r"unsupported frontend capability (?P<name>\S+)",
        FrontendError,
        "the frontend cannot do {name}",
        "use a newer frontend in the Dockerfile's syntax line",
    ),
)

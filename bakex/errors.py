"""Every exception bakex raises on purpose.

* BakexError
  x UsageError                 the command line                             exit 2
  x ConfigError                a setting, or a file that holds settings     exit 2
  x DefinitionError            the bake file, or what was asked of it       exit 3
    + SyntaxDefinitionError, EvaluationError, UnknownTargetError, OverrideError, CycleError
  x PlanError                  no way to run what was asked                 exit 4
    + NoNodeError, UnsupportedOutputError, UnsupportedAttributeError, EntitlementError
  x NodeError                  a daemon cannot be reached or was lost       exit 4
    + DialError, NodeLostError, CapabilityError, EngineStartError
  x BuildError                 a build ran and failed                       exit 1
    + FrontendError, StepFailedError, SessionError
  x ContentError               bytes are not what their descriptor says     exit 5
    + DigestMismatchError, SizeMismatchError, ContentNotFoundError, MediaTypeError
  x RegistryError              a registry refused or failed                 exit 5
    + UnauthorizedError, DeniedError, NameUnknownError, RateLimitedError, PushError,
      PublicationError, TagConflictError
  x OutputError                a result cannot be written where it should   exit 5
  x RunFailedError             several of the above, one per failed cell    exit 1
  x InternalError              a bug in bakex                               exit 70
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bakex.diagnostics import Diagnostic, Span

if TYPE_CHECKING:
    from collections.abc import Sequence


class BakexError(Exception):
    """Base of all expected failures.

    Attributes:
        code: Identifier in docs/errors.md, overridden by each class.
        exit_code: What the command exits with when this escapes.
        summary: One line, lower case, no full stop.
        detail: Why, in full sentences.
        hint: The one next step.
        span: Where, if the cause is in a file.
        source: The text of that file.
    """

    code: ClassVar[str] = "BX0000"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        summary: str,
        *,
        detail: str = "",
        hint: str = "",
        span: Span | None = None,
        source: str = "",
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.hint = hint
        self.span = span
        self.source = source

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return what to show the user, most important first."""
        return (
            Diagnostic(
                code=self.code,
                summary=self.summary,
                detail=self.detail,
                hint=self.hint,
                span=self.span,
                source=self.source,
            ),
        )


class UsageError(BakexError):
    """The command line asks for something that does not fit together."""

    code = "BX1000"
    exit_code = 2


class ConfigError(BakexError):
    """A setting, an environment variable or a configuration file is wrong."""

    code = "BX1001"
    exit_code = 2


class DefinitionError(BakexError):
    """The bake file cannot be used, or asks for something impossible."""

    code = "BX2000"
    exit_code = 3

    def __init__(
        self,
        summary: str,
        *,
        detail: str = "",
        hint: str = "",
        span: Span | None = None,
        source: str = "",
        more: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(summary, detail=detail, hint=hint, span=span, source=source)
        self.more = tuple(more)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return this finding and the other independent ones of the same files."""
        return (*super().diagnostics(), *self.more)


class SyntaxDefinitionError(DefinitionError):
    """A bake file is not well-formed HCL or JSON."""

    code = "BX2001"


class EvaluationError(DefinitionError):
    """An expression of a bake file has no value, or one of the wrong type."""

    code = "BX2002"


class UnknownTargetError(DefinitionError):
    """A target or group was named that the files do not define."""

    code = "BX2003"


class OverrideError(DefinitionError):
    """A ``--set`` or ``--var`` expression is malformed or does not apply."""

    code = "BX2004"


class CycleError(DefinitionError):
    """Variables, groups or linked targets refer to themselves.

    Attributes:
        members: What the circle leads through, wherever it was entered; empty if not told.
    """

    code = "BX2005"
    members: frozenset[str] = frozenset()


class PlanError(BakexError):
    """The targets are sound but cannot be placed."""

    code = "BX3000"
    exit_code = 4


class NoNodeError(PlanError):
    """No node of the builder can build a platform."""

    code = "BX3001"


class UnsupportedOutputError(PlanError):
    """An output of this kind, or with this attribute, cannot be made."""

    code = "BX3002"


class UnsupportedAttributeError(PlanError):
    """The engine or the node cannot do what an attribute of a target asks for."""

    code = "BX3003"


class EntitlementError(PlanError):
    """A target asks for privileges that were not granted."""

    code = "BX3004"


class NodeError(BakexError):
    """A node cannot be used.

    Attributes:
        transient: Whether another attempt, or another node, may work.
    """

    code = "BX3500"
    exit_code = 4
    transient: ClassVar[bool] = False


class DialError(NodeError):
    """No connection to the daemon."""

    code = "BX3501"
    transient = True


class NodeLostError(NodeError):
    """The daemon went away in mid-build."""

    code = "BX3502"
    transient = True


class CapabilityError(NodeError):
    """The daemon lacks something that is needed."""

    code = "BX3503"


class EngineStartError(NodeError):
    """The private engine cannot be started."""

    code = "BX3504"


class BuildError(BakexError):
    """A build ran and failed."""

    code = "BX4000"


class FrontendError(BuildError):
    """The Dockerfile (or another frontend's input) is wrong."""

    code = "BX4001"


class StepFailedError(BuildError):
    """A build step failed."""

    code = "BX4002"


class SessionError(BuildError):
    """Something the client had to provide could not be provided: a file, a secret."""

    code = "BX4003"


class ContentError(BakexError):
    """Bytes do not match the descriptor that names them, or a document is malformed."""

    code = "BX5000"
    exit_code = 5


class DigestMismatchError(ContentError):
    """The digest of what was read differs from the digest that was asked for."""

    code = "BX5001"


class SizeMismatchError(ContentError):
    """There are more or fewer bytes than the descriptor says."""

    code = "BX5002"


class ContentNotFoundError(ContentError):
    """A store does not hold some content."""

    code = "BX5003"


class MediaTypeError(ContentError):
    """A document is of another kind than its descriptor says, or of none that is supported."""

    code = "BX5004"


class OutputError(BakexError):
    """A result cannot be written to its destination."""

    code = "BX5500"
    exit_code = 5


class RegistryError(BakexError):
    """A registry refused or failed.

    Attributes:
        status: HTTP status; 0 if there was no answer.
        transient: Whether another attempt may work.
        codes: The error codes of the OCI distribution-spec in the answer.
    """

    code = "BX6000"
    exit_code = 5

    def __init__(
        self,
        summary: str,
        *,
        status: int = 0,
        transient: bool = False,
        codes: tuple[str, ...] = (),
        detail: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(summary, detail=detail, hint=hint)
        self.status = status
        self.transient = transient
        self.codes = codes


class UnauthorizedError(RegistryError):
    """The registry wants (other) credentials."""

    code = "BX6001"


class DeniedError(RegistryError):
    """The credentials are good but do not allow this."""

    code = "BX6002"


class NameUnknownError(RegistryError):
    """The repository, tag or digest is not there."""

    code = "BX6003"


class RateLimitedError(RegistryError):
    """The registry asks for fewer requests, for longer than bakex waits."""

    code = "BX6004"


class PushError(RegistryError):
    """A node could not push an image, although it has the right to."""

    code = "BX6005"


class PublicationError(RegistryError):
    """Not every tag could be moved; `report` is the `Report` of what is where now."""

    code = "BX6100"
    report: object = None


class TagConflictError(RegistryError):
    """A tag stands for something that it must not be moved away from; no tag has moved."""

    code = "BX6101"


class MissingPartsError(RegistryError):
    """The registry says that it lacks something that a manifest refers to."""

    code = "BX6006"


class InternalError(BakexError):
    """Something that cannot happen did: a bug in bakex."""

    code = "BX9000"
    exit_code = 70


class RunFailedError(ExceptionGroup[BakexError], BakexError):
    """One or more cells failed; the members say which.

    Both a group, so that ``except*`` picks members out, and a `BakexError`, so that
    ``except BakexError`` still catches everything.
    """

    code = "BX4100"

    def __init__(self, summary: str, exceptions: Sequence[BakexError], /) -> None:
        # Not BakexError.__init__: the next class in the MRO is the group, and it takes both.
        super().__init__(summary, exceptions)
        self.summary, self.detail, self.hint = summary, "", ""
        self.span, self.source = None, ""

    def derive(self, excs: Sequence[BakexError]) -> RunFailedError:  # type: ignore[override]
        """Return a group of a part of the members; used by ``except*`` and ``split``."""
        return RunFailedError(self.summary, excs)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return the members' diagnostics, in order."""
        return tuple(d for member in self.exceptions for d in _leaves(member))


def _leaves(error: BakexError | ExceptionGroup[BakexError]) -> tuple[Diagnostic, ...]:
    if isinstance(error, BakexError):
        return error.diagnostics()
    return tuple(d for member in error.exceptions for d in _leaves(member))

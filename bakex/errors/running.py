"""What goes wrong between a plan and its results: nodes and builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bakex.errors.base import BakexError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.diagnostics import Diagnostic


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


class StalledError(NodeError):
    """A build gave no sign of life for too long."""

    code = "BX3505"
    transient = True


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


class BuildTimeoutError(BuildError):
    """A build took longer than it may."""

    code = "BX4004"


class SessionError(BuildError):
    """Something the client had to provide could not be provided: a file, a secret."""

    code = "BX4003"


class RunFailedError(ExceptionGroup[BakexError], BakexError):
    """One or more cells failed: a group, so that ``except*`` picks members, and a `BakexError`."""

    code = "BX4100"

    def __init__(self, summary: str, exceptions: Sequence[BakexError], /) -> None:
        # Not BakexError.__init__: the next class in the MRO is the group, and it takes both.
        super().__init__(summary, exceptions)
        self.summary, self.detail, self.hint, self.span, self.source = summary, "", "", None, ""
        if all(isinstance(error, NodeError) for error in exceptions):
            self.exit_code = NodeError.exit_code  # no build has failed: there was nowhere to build

    def derive(self, excs: Sequence[BakexError]) -> RunFailedError:  # type: ignore[override]
        """Return a group of a part of the members; used by ``except*`` and ``split``."""
        return RunFailedError(self.summary, excs)

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return the members' diagnostics, in order."""
        return tuple(
            d for e in self.exceptions if isinstance(e, BakexError) for d in e.diagnostics()
        )


class BlockedError(BakexError):
    """Gates failed: `causes` says why, `report` is the `Report` of what was published."""

    code = "BX4200"
    exit_code = 6
    causes: Sequence[BakexError] = ()
    report: object = None

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return the causes, then what was not published."""
        return (*(d for cause in self.causes for d in cause.diagnostics()), *super().diagnostics())


class NotReproducibleError(BakexError):
    """Two builds of a target gave different results."""

    code = "BX4300"
    exit_code = 7

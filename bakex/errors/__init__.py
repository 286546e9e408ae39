"""Every exception bakex raises on purpose.

* BakexError
  x UsageError                 the command line                             exit 2
  x ConfigError                a setting, or a file that holds settings     exit 2
  x DefinitionError            the bake file, or what was asked of it       exit 3
    + SyntaxDefinitionError, EvaluationError, UnknownTargetError, OverrideError, CycleError,
      ChangedDefinitionError
  x PlanError                  no way to run what was asked                 exit 4
    + NoNodeError, UnsupportedOutputError, UnsupportedAttributeError, EntitlementError
  x NodeError                  a daemon cannot be reached or was lost       exit 4
    + DialError, NodeLostError, CapabilityError, EngineStartError
  x BuildError                 a build ran and failed                       exit 1
    + FrontendError, StepFailedError, SessionError
  x ContentError               bytes are not what their descriptor says     exit 5
    + DigestMismatchError, SizeMismatchError, ContentNotFoundError, MediaTypeError
  x ArchitectureError          files do not fit the image's platform        exit 8
  x RegistryError              a registry refused or failed                 exit 5
    + UnauthorizedError, DeniedError, NameUnknownError, RateLimitedError, PushError,
      PublicationError, TagConflictError
  x OutputError                a result cannot be written where it should   exit 5
  x RunFailedError             several of the above, one per failed cell    exit 1
  x BlockedError               gates keep results from being published      exit 6
  x NotReproducibleError       two builds of a target differ                exit 7
  x RevisionMismatchError, ConflictingResultsError: records that do not
    belong together                                                         exit 8
  x IncompleteResultError      results that no record has                   exit 9
  x InternalError              a bug in bakex                               exit 70
"""

from __future__ import annotations

from bakex.errors.base import (
    BakexError,
    InternalError,
)
from bakex.errors.content import (
    ArchitectureError,
    ContentError,
    ContentNotFoundError,
    DeniedError,
    DigestMismatchError,
    MediaTypeError,
    MissingPartsError,
    NameUnknownError,
    OutputError,
    PublicationError,
    PushError,
    RateLimitedError,
    RegistryError,
    SizeMismatchError,
    TagConflictError,
    UnauthorizedError,
)
from bakex.errors.definition import (
    ChangedDefinitionError,
    ConfigError,
    CycleError,
    DefinitionError,
    EvaluationError,
    OverrideError,
    SyntaxDefinitionError,
    UnknownTargetError,
    UsageError,
)
from bakex.errors.results import (
    ConflictingResultsError,
    IncompleteResultError,
    RevisionMismatchError,
)
from bakex.errors.running import (
    BlockedError,
    BuildError,
    BuildTimeoutError,
    CapabilityError,
    DialError,
    EngineStartError,
    EntitlementError,
    FrontendError,
    NodeError,
    NodeLostError,
    NoNodeError,
    NotReproducibleError,
    PlanError,
    RunFailedError,
    SessionError,
    StalledError,
    StepFailedError,
    UnsupportedAttributeError,
    UnsupportedOutputError,
)

__all__ = [
    "ArchitectureError",
    "BakexError",
    "BlockedError",
    "BuildError",
    "BuildTimeoutError",
    "CapabilityError",
    "ChangedDefinitionError",
    "ConfigError",
    "ConflictingResultsError",
    "ContentError",
    "ContentNotFoundError",
    "CycleError",
    "DefinitionError",
    "DeniedError",
    "DialError",
    "DigestMismatchError",
    "EngineStartError",
    "EntitlementError",
    "EvaluationError",
    "FrontendError",
    "IncompleteResultError",
    "InternalError",
    "MediaTypeError",
    "MissingPartsError",
    "NameUnknownError",
    "NoNodeError",
    "NodeError",
    "NodeLostError",
    "NotReproducibleError",
    "OutputError",
    "OverrideError",
    "PlanError",
    "PublicationError",
    "PushError",
    "RateLimitedError",
    "RegistryError",
    "RevisionMismatchError",
    "RunFailedError",
    "SessionError",
    "SizeMismatchError",
    "StalledError",
    "StepFailedError",
    "SyntaxDefinitionError",
    "TagConflictError",
    "UnauthorizedError",
    "UnknownTargetError",
    "UnsupportedAttributeError",
    "UnsupportedOutputError",
    "UsageError",
]

"""What goes wrong with content: its bytes, registries, places to write to."""

from __future__ import annotations

from bakex.errors.base import BakexError


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


class ArchitectureError(BakexError):
    """Files of an image cannot run on the platform that its manifest says."""

    code = "BX5300"
    exit_code = 8


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

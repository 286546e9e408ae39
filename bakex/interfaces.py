"""The seams behind which bakex touches the world, but for engines and the ways to daemons.

Those are in `bakex.building` and `bakex.carriers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from bakex.carriers import ImageLoader, ImageStore
    from bakex.model.descriptor import Descriptor
    from bakex.model.digest import Digest
    from bakex.model.node import NodeName
    from bakex.model.outputs import Output
    from bakex.model.plan import Cell
    from bakex.model.publication import Publication, TagMove
    from bakex.model.reference import Reference
    from bakex.model.result import ExportRequest
    from bakex.model.secrets import SecretValue
    from bakex.model.target import Target


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a cancel point even for zero seconds."""
        ...


class DefinitionReader(Protocol):
    """The files that definitions may name: of this machine, or of a fetched tree.

    Names are paths with slashes, relative to the directory in which the definitions were looked
    for (not to the file that names them); local readers take absolute paths, too.
    """

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is no such file.

        Raises:
            DefinitionError: It is there but cannot be read, is no file, or is too large.
        """
        ...

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Return the names of the files that match, sorted; none is no error.

        Args:
            pattern: ``*``, ``?`` and ``[...]`` within a path component, ``**`` for any number of
                components. A component that starts with a dot needs a pattern that does, too.

        Raises:
            DefinitionError: There are too many, or a directory cannot be listed.
        """
        ...


class ContentReader(Protocol):
    """Reads content by descriptor."""

    def fetch(self, descriptor: Descriptor) -> AsyncIterator[bytes]:
        """Yield the content; callers read through `bakex.oci.verified`, never raw.

        Raises:
            ContentNotFoundError: Not there.
            RegistryError: The registry refused or failed.
        """
        ...


class ContentSource(ContentReader, Protocol):
    """Content that can be read, asked for, and found by name."""

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether the content is there, with the right size."""
        ...

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for.

        Raises:
            NameUnknownError: In a registry: there is no such name.
            ContentNotFoundError: In a layout or in memory: there is no such name.
        """
        ...


class ContentWriter(Protocol):
    """Stores content by descriptor."""

    async def exists(self, descriptor: Descriptor) -> bool:
        """Return whether the content is already there, with the right size."""
        ...

    async def push(
        self, descriptor: Descriptor, content: Callable[[], AsyncIterator[bytes]]
    ) -> None:
        """Store content; idempotent, and atomic: a reader sees all of it or none.

        Args:
            descriptor: What the content must be.
            content: Makes a fresh iterator for each attempt.

        Raises:
            DigestMismatchError: The content is not what the descriptor says; nothing is stored.
            RegistryError: The registry refused or failed.
        """
        ...


class Store(ContentReader, ContentWriter, Protocol):
    """A place for content that also has names: a repository, an OCI layout, memory."""

    async def resolve(self, name: str) -> Descriptor:
        """Return what a tag or digest stands for.

        Raises:
            NameUnknownError: In a registry: there is no such name.
            ContentNotFoundError: In a layout or in memory: there is no such name.
        """
        ...

    async def tag(self, descriptor: Descriptor, name: str) -> None:
        """Point a tag at content that is already stored."""
        ...


class Referring(Protocol):
    """Knows what refers to a manifest by its ``subject``: a repository, an OCI layout."""

    async def referrers(self, subject: Digest, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Return what refers to a manifest: signatures, SBOMs and other artifacts.

        Args:
            subject: The manifest or index; it need not be there.
            artifact_type: Only those of this type; empty for all.

        Raises:
            RegistryError: The registry refused or failed.
            ContentError: The list is malformed.
        """
        ...


class RemoteRepository(Store, Protocol):
    """A repository of a registry: a store that others use, too."""

    async def check_push(self) -> None:
        """Make sure that the account may push here; leaves nothing.

        Raises:
            RegistryError: It may not, or the registry failed.
        """
        ...

    async def untag(self, name: str) -> bool:
        """Remove a tag and nothing else; returns whether it is gone (many registries refuse).

        Raises:
            RegistryError: The registry failed.
        """
        ...


class Registry(Protocol):
    """Access to repositories of any host, with one set of connections and credentials."""

    def repository(self, reference: Reference, *, insecure: bool = False) -> RemoteRepository:
        """Return the repository that a reference is in; no request is made yet.

        Args:
            reference: Its tag and digest do not matter.
            insecure: Allow unverified TLS and plain HTTP for its host.
        """
        ...

    async def aclose(self) -> None:
        """Drop the connections; safe to repeat."""
        ...


class Keychain(Protocol):
    """Where credentials come from."""

    async def credentials(
        self, host: str, repository: str = "", actions: frozenset[str] = frozenset()
    ) -> Credentials | None:
        """Return the credentials for a registry host (``docker.io`` for Docker Hub), if any.

        Args:
            host: The registry.
            repository: What they are for, where that is known: some hold for a part only.
            actions: Of ``pull``, ``push`` and ``delete``, what is to be done there.

        Raises:
            ConfigError: A configuration file is there but cannot be read.
        """
        ...


@runtime_checkable
class TokenSource(Protocol):
    """Gets registry tokens for nodes, which then need no password."""

    async def token_server(self, host: str) -> str:
        """Return the URL of the token server that a registry names; empty for none.

        Empty as well if the registry cannot be reached from here, within a bounded time.
        """
        ...

    async def issue(
        self, host: str, service: str, scopes: Sequence[str]
    ) -> tuple[SecretValue, float]:
        """Return a token for these scopes, and the seconds it lives (0 if that is not known).

        Credentials go to the token server that the registry itself has named, to nobody else.

        Raises:
            UnauthorizedError: The token server refused the credentials.
            RegistryError: There is no answer, or an unusable one.
        """
        ...


class Credentials(Protocol):
    """A user name and password, or an identity token; never shown by `repr`."""

    @property
    def username(self) -> str:
        """User name; empty with an identity token."""
        ...

    @property
    def secret(self) -> str:
        """Password or identity token; empty for none."""
        ...

    @property
    def is_token(self) -> bool:
        """Whether `secret` is an identity token, to be exchanged at the token server."""
        ...


class Desk(Protocol):
    """What an exporter may use to finish an output; made by the composition root."""

    @property
    def registry(self) -> Registry:
        """For outputs that push."""
        ...

    @property
    def workspace(self) -> Path:
        """A private directory of this run, removed at its end."""
        ...

    def loader(self) -> ImageLoader | None:
        """The image store of the user's docker daemon, if there is one."""
        ...

    def keeps_images(self, node: NodeName) -> bool:
        """Whether that node's own image store is the one in which the user looks for images."""
        ...

    def images(self, node: NodeName) -> ImageStore | None:
        """The image store of a node that keeps images; None if it cannot be asked."""
        ...

    async def write_stdout(self, file: Path) -> None:
        """Copy a file to standard output."""
        ...


class Exporter(Protocol):
    """One kind of output, in two phases: what each cell hands over, and what is made of it."""

    def requests(
        self, target: Target, output: Output, cell: Cell, desk: Desk
    ) -> ExportRequest | None:
        """Return what this cell must hand over for the output; None for nothing.

        Pure but for choosing paths below ``desk.workspace`` and the destination.

        Raises:
            UnsupportedOutputError: The output lacks something or asks for something impossible.
        """
        ...

    async def finish(
        self,
        target: Target,
        output: Output,
        cells: Sequence[tuple[Cell, Descriptor | None]],
        desk: Desk,
    ) -> Finished:
        """Assemble the cells' parts: everything but names that others can see.

        After this all content is in its place (pushed by digest, or written beside its
        destination) and checked; no tag has moved and no destination was replaced.

        Raises:
            ContentError: The parts do not fit together or are not what was asked for.
            RegistryError: The registry refused or failed.
            OutputError: A file cannot be written.
        """
        ...


class Finished(Protocol):
    """An output whose content is complete and only has to become visible."""

    @property
    def root(self) -> Descriptor | None:
        """The assembled image, if the output is one."""
        ...

    @property
    def moves(self) -> tuple[TagMove, ...]:
        """Tags that are to stand for it; `publish` does not move them."""
        ...

    async def publish(self) -> tuple[Publication, ...]:
        """Make it visible where it has no tags: rename files, load images. Idempotent.

        Raises:
            OutputError: A file cannot be written.
        """
        ...


class BlobSource(Protocol):
    """A local store that BuildKit may read blobs from during a build."""

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, whether or not it exists."""
        ...

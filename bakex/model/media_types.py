"""Media types, annotation keys and size limits (OCI image-spec v1.1, Docker's schema 2)."""

from __future__ import annotations

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})

REF_NAME = "org.opencontainers.image.ref.name"  # in a layout's index.json: the tag
IMAGE_NAME = "io.containerd.image.name"  # there, too: the full name, read by docker and BuildKit
REFERENCE_TYPE = "vnd.docker.reference.type"
REFERENCE_DIGEST = "vnd.docker.reference.digest"
ATTESTATION = "attestation-manifest"  # the value of REFERENCE_TYPE

MIB = 1 << 20
MAX_MANIFEST_SIZE = 4 * MIB  # distribution-spec v1.1, "Pushing Manifests": at least this much
MAX_CONFIG_SIZE = 8 * MIB  # containers/image and containerd read configs up to this size


def is_document(media_type: str) -> bool:
    """Return whether a registry keeps such content under ``/manifests/``."""
    return media_type in MANIFESTS or media_type in INDEXES


def is_foreign(media_type: str) -> bool:
    """Return whether it is a layer that is fetched from its ``urls`` and never pushed."""
    return "nondistributable" in media_type or ".foreign." in media_type

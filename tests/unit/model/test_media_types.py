from __future__ import annotations

from bakex.model import media_types


def test_documents() -> None:
    assert media_types.is_document(media_types.OCI_INDEX)
    assert media_types.is_document(media_types.DOCKER_MANIFEST)
    assert not media_types.is_document(media_types.OCI_CONFIG)


def test_foreign_layers() -> None:
    assert media_types.is_foreign("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    assert media_types.is_foreign("application/vnd.oci.image.layer.nondistributable.v1.tar")
    assert not media_types.is_foreign("application/vnd.oci.image.layer.v1.tar+gzip")

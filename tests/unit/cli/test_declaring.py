from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bakex.cli.declaring import Properties
from bakex.errors import DefinitionError, UsageError
from bakex.model.platform import Platform
from bakex.nodes.declared import DeclaredNode, DeclaredTls

if TYPE_CHECKING:
    from pathlib import Path


def declared(cwd: Path, **options: Any) -> DeclaredNode:
    return Properties(builder="farm", endpoint="tcp://h:1", **options).declared(cwd)


def test_an_endpoint_is_enough(tmp_path: Path) -> None:
    assert declared(tmp_path) == DeclaredNode(endpoint="tcp://h:1")


def test_everything(tmp_path: Path) -> None:
    found = declared(
        tmp_path,
        platform=["linux/arm64,linux/arm/v7", "arm64"],
        label=["b=1=2", "a=x"],
        option=["namespace=ci"],
        max_jobs=3,
        weight=2,
        ca="ca.pem",
        cert="/c.pem",
        key="k/k.pem",
        server_name="s",
    )
    assert found == DeclaredNode(
        endpoint="tcp://h:1",
        options=(("namespace", "ci"),),
        tls=DeclaredTls(
            ca=f"{tmp_path}/ca.pem", cert="/c.pem", key=f"{tmp_path}/k/k.pem", server_name="s"
        ),
        platforms=(Platform.parse("linux/arm64"), Platform.parse("linux/arm/v7")),
        labels=(("a", "x"), ("b", "1=2")),
        max_jobs=3,
        weight=2,
    )


def test_a_server_name_alone(tmp_path: Path) -> None:
    assert declared(tmp_path, server_name="s").tls == DeclaredTls(server_name="s")


@pytest.mark.parametrize("text", ["disk", "=ssd", "disk="])
def test_what_is_no_pair(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=f"--label {text}: this is not KEY=VALUE"):
        declared(tmp_path, label=[text])


def test_what_is_no_platform(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError):
        declared(tmp_path, platform=["linux/*"])

"""buildkitd in a container of docker: made, started and removed through docker's SDK.

The same container that buildx's docker-container driver would make: privileged, with a volume for
its state and its files below ``/etc/buildkit`` (buildx driver/docker-container/driver.go). So
either program can use what the other one has made.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import json
import tarfile
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from docker import errors as docker_errors
from docker.types import Mount

from bakex._util.units import parse_size
from bakex.errors import ConfigError, EngineStartError
from bakex.nodes.drivers.docker_sdk import pull, with_docker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import docker
    from docker.models.containers import Container

    from bakex.carriers import Way

_T = TypeVar("_T")
_STATE: Final = "/var/lib/buildkit"
_CONFIG: Final = "buildkitd.toml"
_FILE: Final = "file:"
_ENV: Final = "env."
_TRIES: Final = 15
_STEP_S: Final = 0.12  # longer with each try: 14 seconds in all
_LOG_LINES: Final = 20
_SIZES: Final = {"memory": "mem_limit", "memory-swap": "memswap_limit"}
_NUMBERS: Final = {"cpu-quota": "cpu_quota", "cpu-period": "cpu_period", "cpu-shares": "cpu_shares"}
_TEXTS: Final = {
    "cpuset-cpus": "cpuset_cpus",
    "cpuset-mems": "cpuset_mems",
    "cgroup-parent": "cgroup_parent",
    "network": "network_mode",
}
# Options that are not about the container.
_OTHERS: Final = frozenset({"image", "flags", "default-load", "provenance-add-gha", "timeout"})


class DockerContainer:
    """One container, by its name.

    Args:
        way: How the docker daemon is reached.
        name: The container's name.
        options: What it is made with: ``image``, the options of buildx's driver, ``flags`` (the
            arguments of buildkitd as a JSON list) and ``file:NAME`` (content in base64).
    """

    def __init__(self, way: Way, name: str, options: Mapping[str, str]) -> None:
        self._way = way
        self._name = name
        self._options = options

    async def start(self) -> None:
        """Make the container if there is none, start it, and wait until its daemon answers.

        Idempotent; others may do the same at this moment.

        Raises:
            EngineStartError: Docker refused, or the daemon does not answer within 15 seconds.
            ConfigError: An option makes no sense.

        Cancelling leaves docker to finish what it was asked for.
        """
        settings = container_settings(self._name, self._options)
        await self._with_docker(lambda client: self._start(client, settings))

    async def remove(self, *, keep_state: bool = False) -> bool:
        """Remove the container and, unless told otherwise, its volume; return whether it was there.

        Raises:
            EngineStartError: Docker refused.
        """
        return await self._with_docker(lambda client: self._remove(client, keep_state=keep_state))

    async def _with_docker(self, work: Callable[[docker.DockerClient], _T]) -> _T:
        return await with_docker(
            self._way,
            work,
            what=f"cannot run the container {self._name}",
            hint="check the builder's image, or pull it with docker pull",
        )

    def _start(self, client: docker.DockerClient, settings: Mapping[str, Any]) -> None:
        try:
            container = client.containers.get(self._name)
        except docker_errors.NotFound:
            container = self._create(client, settings)
        container.start()
        self._await(container)

    def _create(self, client: docker.DockerClient, settings: Mapping[str, Any]) -> Container:
        image = self._options["image"]
        pull(client, image)
        try:
            container = client.containers.create(image, **settings)
        except docker_errors.APIError as error:
            if error.status_code != 409:
                raise
            return client.containers.get(self._name)  # somebody else was faster
        files = config_files(self._options)
        if files:
            cast("Any", container).put_archive("/etc", _archive(files))
        return container

    def _await(self, container: Container) -> None:
        answer = ""
        for number in range(1, _TRIES + 1):
            try:
                code, output = container.exec_run(["buildctl", "debug", "workers"])
            except docker_errors.APIError as error:
                code, output = 1, str(error.explanation).encode()
            if code == 0:
                return
            answer = cast("bytes", output).decode("utf-8", "replace").strip()
            time.sleep(number * _STEP_S)
        log = container.logs(tail=_LOG_LINES).decode("utf-8", "replace").strip()
        raise EngineStartError(
            f"the container {self._name} was started, but BuildKit in it does not answer",
            detail="\n".join(part for part in (answer, log) if part),
            hint=f"look at it with docker logs {self._name}",
        )

    def _remove(self, client: docker.DockerClient, *, keep_state: bool) -> bool:
        try:
            client.containers.get(self._name).remove(force=True, v=True)
        except docker_errors.NotFound:
            return False
        if not keep_state:
            with contextlib.suppress(docker_errors.NotFound):
                client.volumes.get(f"{self._name}_state").remove()
        return True


def container_settings(name: str, options: Mapping[str, str]) -> dict[str, Any]:
    """Return how a container is made, in the words of docker's SDK.

    Raises:
        ConfigError: An option is unknown or makes no sense.
    """
    found: dict[str, Any] = {
        "name": name,
        "privileged": True,
        "init": True,
        "command": _arguments(options),
        "mounts": [Mount(target=_STATE, source=f"{name}_state", type="volume")],
        "environment": {},
    }
    for key, value in options.items():
        if key in _OTHERS or key.startswith(_FILE):
            continue
        try:
            _apply(found, key, value)
        except ValueError as error:
            raise ConfigError(
                f"the builder's option {key}={value} cannot be used", detail=f"{error}."
            ) from None
    return found


def _apply(found: dict[str, Any], key: str, value: str) -> None:
    if key.startswith(_ENV):
        found["environment"][key.removeprefix(_ENV)] = value
    elif key in _SIZES:
        found[_SIZES[key]] = parse_size(value)
    elif key in _NUMBERS:
        found[_NUMBERS[key]] = int(value)
    elif key in _TEXTS:
        found[_TEXTS[key]] = value
    elif key == "restart-policy":
        policy, _, times = value.partition(":")
        found["restart_policy"] = {
            "Name": policy,
            **({"MaximumRetryCount": int(times)} if times else {}),
        }
    else:
        raise ValueError("bakex does not know it")


def _arguments(options: Mapping[str, str]) -> list[str]:
    config = ["--config", f"/etc/buildkit/{_CONFIG}"] if f"{_FILE}{_CONFIG}" in options else []
    return [*config, *(str(flag) for flag in json.loads(options.get("flags", "[]")))]


def config_files(options: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files that belong below ``/etc/buildkit``.

    Raises:
        ConfigError: One is not base64.
    """
    try:
        return {
            key.removeprefix(_FILE): base64.b64decode(value, validate=True)
            for key, value in options.items()
            if key.startswith(_FILE)
        }
    except binascii.Error as error:
        raise ConfigError("the builder's files cannot be read", detail=f"{error}.") from None


def _archive(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(f"buildkit/{name}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()

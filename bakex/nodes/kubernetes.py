"""Daemons in Kubernetes pods, through kubectl: its configuration and logins count.

A pod is named, or chosen among the ready pods of a deployment: always the same one for the same
user and directory as long as the pods stay the same, so that caches are found again (buildx's
``loadbalance=sticky``); or any one (``random``). All streams of a dialer go to one pod.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from bakex.nodes.containers import DIAL, failure
from bakex.nodes.pipes import Pipes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bakex.carriers import Launcher
    from bakex.diagnostics import Diagnostic
    from bakex.errors import DialError
    from bakex.model.node import Endpoint

_POD: Final = "kube-pod://"
_LIST_S: Final = 30.0
# The label that buildx's deployments give their pods (driver/kubernetes/manifest).
_LABEL: Final = "app"
_DEPLOYMENT: Final = "kubernetes:///"


class KubernetesDialer:
    """Implements `bakex.carriers.Way` for ``kube-pod://`` and ``kubernetes://`` addresses.

    Args:
        endpoint: Its options are the parameters of the address.
        launcher: Starts kubectl.
        key: What the choice of a pod depends on, such as user and directory.
    """

    def __init__(self, endpoint: Endpoint, launcher: Launcher, *, key: str = "") -> None:
        self._endpoint = endpoint
        self._launcher = launcher
        self._key = key
        self._pipes = Pipes(launcher)
        self._pod = endpoint.address.removeprefix(_POD)
        self._is_chosen = self._pod != endpoint.address
        self._choosing = asyncio.Lock()

    @property
    def endpoint(self) -> Endpoint:
        """What is dialled."""
        return self._endpoint

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Open a new byte stream.

        Raises:
            DialError: kubectl is missing or failed, or no pod is ready.
        """
        async with self._choosing:
            if not self._is_chosen:
                self._pod = await self._choose()
                self._is_chosen = True
        container = self._endpoint.options.get("container", "")
        inside = ["-c", container] if container else []
        argv = [*self._kubectl("exec"), "-i", self._pod, *inside, "--", *DIAL]
        return await self._pipes.open(argv, factory)

    async def explain(self, now: datetime) -> DialError | None:
        """Return what kubectl complained about."""
        del now
        words = await self._pipes.complaint()
        if words is None:
            return None
        return self._failure(f"kubectl could not reach the daemon in pod {self._pod}", words)

    def warnings(self, now: datetime) -> tuple[Diagnostic, ...]:
        """Return nothing."""
        del now
        return ()

    async def aclose(self) -> None:
        """End kubectl; safe to repeat."""
        await self._pipes.aclose()

    async def _choose(self) -> str:
        deployment = self._endpoint.address.removeprefix(_DEPLOYMENT)
        argv = [*self._kubectl("get", "pods"), "-l", f"{_LABEL}={deployment}", "-o", "json"]
        code, output, errors = await self._launcher.run(argv, timeout_s=_LIST_S)
        if code != 0:
            raise self._failure("kubectl could not list the pods", errors)
        pods = ready_pods(output)
        if not pods:
            raise self._failure(
                "no pod is ready",
                f"Pods with the label {_LABEL}={deployment} are looked for.",
                f"check it with: kubectl get pods -l {_LABEL}={deployment}",
            )
        if self._endpoint.options.get("loadbalance") == "random":
            return secrets.choice(pods)
        return stickiest(pods, self._key)

    def _kubectl(self, *words: str) -> list[str]:
        options = self._endpoint.options
        flags = [
            f"--{flag}={options[key]}"
            for key, flag in (
                ("kubeconfig", "kubeconfig"),
                ("context", "context"),
                ("namespace", "namespace"),
            )
            if options.get(key)
        ]
        return ["kubectl", *flags, *words]

    def _failure(self, what: str, why: str, todo: str = "") -> DialError:
        return failure(self._endpoint, what, why.strip(), todo or "check it with: kubectl get pods")


def ready_pods(listing: bytes) -> list[str]:
    """Return the names of the pods in ``kubectl get pods -o json`` that are ready, sorted."""
    try:
        items: list[Any] = json.loads(listing)["items"]
        return sorted(str(item["metadata"]["name"]) for item in items if _is_ready(item))
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _is_ready(item: dict[str, Any]) -> bool:
    conditions: list[dict[str, str]] = item.get("status", {}).get("conditions") or []
    states = {condition["type"]: condition["status"] for condition in conditions}
    return states.get("Ready") == "True" and not item["metadata"].get("deletionTimestamp")


def stickiest(pods: Sequence[str], key: str) -> str:
    """Return the pod for a key (rendezvous hashing: most keys keep theirs when pods change)."""
    return max(pods, key=lambda pod: hashlib.sha256(f"{key}\0{pod}".encode()).digest())

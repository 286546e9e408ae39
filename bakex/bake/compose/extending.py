"""``extends``: a service that starts from another one, of the same file or of another.

Behaviour: compose-go loader/extends.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakex.bake.compose.merging import merged
from bakex.bake.compose.problems import refusal
from bakex.bake.yaml.nodes import Mapping, Scalar, is_null
from bakex.errors import CycleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.bake.compose.problems import Budget
    from bakex.bake.yaml.nodes import YamlNode

MAX_CHAIN = 50  # services that extend one another
EXTENDS = "extends"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of one file.

    Attributes:
        file: Its name.
        nodes: Name -> service; those that extend others are replaced as they are resolved.
    """

    file: str
    nodes: dict[str, YamlNode]


class Extender:
    """Resolves the services of files that extend others."""

    def __init__(self, other: Callable[[str, YamlNode], Services], budget: Budget) -> None:
        """Nothing is read yet.

        Args:
            other: Returns the services of another file, with paths relative to the working
                directory, given its name and the node that names it.
            budget: What may be made.
        """
        self._other = other
        self._budget = budget

    def resolve(self, services: Services) -> None:
        """Replace each service of a file that extends another by what it is then.

        Raises:
            CycleError: Services that extend each other.
            EvaluationError: There is no such service, or it is not said properly.
        """
        for name in list(services.nodes):
            self._resolved(name, services, ())

    def _resolved(
        self, name: str, services: Services, chain: tuple[tuple[str, str], ...]
    ) -> YamlNode:
        node = services.nodes[name]
        if is_null(node):
            return node
        path = ("services", name)
        if not isinstance(node, Mapping):
            raise refusal(path, "a service must be a mapping", node)
        extends = node.get(EXTENDS)
        if extends is None:
            return node
        ref, file = _reference(extends, (*path, EXTENDS))
        chain = self._longer(chain, (services.file, name), extends)
        found = self._other(file, extends) if file is not None else services
        if ref not in found.nodes:
            where = f" in {found.file!r}" if file is not None else ""
            raise refusal((*path, EXTENDS), f"there is no service {ref!r}{where}", extends)
        base = self._resolved(ref, found, chain)
        own = node.having({key: value for key, value in node.entries.items() if key != EXTENDS})
        result: YamlNode = own if is_null(base) else merged(base, own, path, self._budget)
        services.nodes[name] = result
        return result

    def _longer(
        self, chain: tuple[tuple[str, str], ...], link: tuple[str, str], node: YamlNode
    ) -> tuple[tuple[str, str], ...]:
        if link in chain:
            names = [name for _, name in (*chain[chain.index(link) :], link)]
            raise CycleError(
                "services extend each other",
                detail=f"{' -> '.join(names)}.",
                span=node.span,
                source=node.source.text,
            )
        if len(chain) >= MAX_CHAIN:
            raise refusal(
                ("services", link[1]), f"more than {MAX_CHAIN} services extend one another", node
            )
        return (*chain, link)


def _reference(node: YamlNode, path: tuple[str, ...]) -> tuple[str, str | None]:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value, None
    service = node.get("service") if isinstance(node, Mapping) else None
    if not isinstance(service, Scalar) or not isinstance(service.value, str):
        raise refusal(path, "the name of a service is missing", node, hint="write service: NAME")
    file = node.get("file") if isinstance(node, Mapping) else None
    if is_null(file):
        return service.value, None
    if not isinstance(file, Scalar) or not isinstance(file.value, str):
        raise refusal((*path, "file"), "a text is required", file or node)
    return service.value, file.value

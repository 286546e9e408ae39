"""Variables in all texts of a compose file, and texts that stand for numbers and booleans.

The whole file is gone through, also what bake does not use: a variable that must be set must be set
wherever it is. Behaviour: compose-go interpolation.go and loader/interpolate.go.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.bake.compose.problems import shown
from bakex.bake.compose.template import substitute
from bakex.bake.problems import placed
from bakex.bake.yaml.nodes import Mapping, Scalar, Sequence
from bakex.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Dict

    from bakex.bake.compose.problems import Budget, Path, Warnings
    from bakex.bake.compose.template import Variables
    from bakex.bake.yaml.nodes import YamlNode
    from bakex.bake.yaml.scalars import Value

MAX_TEXT = 1 << 24  # characters of all texts of a project with their variables filled in
_ITEM = "[]"
_TRUE, _FALSE = frozenset({"true", "y", "yes", "on"}), frozenset({"false", "n", "no", "off"})


class Interpolator:
    """Fills in the variables of documents."""

    def __init__(self, variables: Variables, warnings: Warnings, budget: Budget) -> None:
        self._variables = variables
        self._warnings = warnings
        self._budget = budget
        self._text = 0

    def interpolated(self, node: YamlNode, path: Path = ()) -> YamlNode:
        """Return a node with the variables of its texts filled in; keys stay as they are.

        Raises:
            EvaluationError: A variable that must be set is not, a text is malformed, or it is not
                of the type that its place wants.
        """
        self._budget.spend(1)
        if isinstance(node, Mapping):
            return node.having(
                {
                    key: (name, self.interpolated(value, (*path, key)))
                    for key, (name, value) in node.entries.items()
                }
            )
        if isinstance(node, Sequence):
            return node.having(self.interpolated(item, (*path, _ITEM)) for item in node.items)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return self._scalar(node, node.value, path)
        return node

    def _scalar(self, node: Scalar, text: str, path: Path) -> Scalar:
        def unset(name: str) -> None:
            self._warnings.add(
                f"the variable {name!r} is not set and counts as empty",
                node,
                f"write ${{{name}:-}} where that is meant",
            )

        with placed(node, shown(path)):
            filled = substitute(text, self._variables, unset)
            self._text += len(filled)
            if self._text > MAX_TEXT:
                raise EvaluationError(f"the texts have more than {MAX_TEXT} characters")
            cast = cast_at(path)
            if cast is not None:
                return node.having(cast(filled))
        return node if filled == text else node.having(filled)


def boolean(text: str) -> bool:
    """Read a boolean in one of YAML 1.1's words; the case of letters does not count.

    Raises:
        EvaluationError: Another word.
    """
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise EvaluationError(f"{text!r} is no boolean", hint="write true or false")


def _integer(text: str) -> int:
    try:
        if len(text) <= 20 and text.isascii() and not set(text) & set("_ \t\n\r\v\f"):
            return int(text)
    except ValueError:
        pass
    raise EvaluationError(f"{text[:40]!r} is no integer")


def _float(text: str) -> float:
    try:
        if text.isascii() and text.strip() == text:
            return float(text)
    except ValueError:
        pass
    raise EvaluationError(f"{text[:40]!r} is no number")


def cast_at(path: Path) -> Callable[[str], Value] | None:
    """Return how a text at a place of the model becomes what it stands for; None for a text."""
    if len(path) < 3:
        return None
    table = _SERVICE if path[0] == "services" else _OTHERS.get(path[0], {})
    rest = path[2:]
    exact = table.get(rest)
    if exact is None and rest[0] == "ulimits":
        return _integer if rest[2:] in {(), ("hard",), ("soft",)} and len(rest) > 1 else None
    return exact


_SERVICE: Dict[Path, Callable[[str], Value]] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                ("configs", _ITEM, "mode"), ("cpu_count",), ("cpu_period",), ("cpu_quota",),
                ("cpu_rt_period",), ("cpu_rt_runtime",), ("cpu_shares",), ("deploy", "replicas"),
                ("deploy", "update_config", "parallelism"),
                ("deploy", "rollback_config", "parallelism"),
                ("deploy", "restart_policy", "max_attempts"),
                ("deploy", "placement", "max_replicas_per_node"), ("healthcheck", "retries"),
                ("oom_score_adj",), ("pids_limit",), ("ports", _ITEM, "target"), ("scale",),
                ("secrets", _ITEM, "mode"),
            ],
            _integer,
        ),
        **dict.fromkeys(
            [
                ("cpu_percent",), ("cpus",), ("deploy", "update_config", "max_failure_ratio"),
                ("deploy", "rollback_config", "max_failure_ratio"),
            ],
            _float,
        ),
        **dict.fromkeys(
            [
                ("init",), ("healthcheck", "disable"), ("oom_kill_disable",), ("privileged",),
                ("read_only",), ("stdin_open",), ("tty",), ("volumes", _ITEM, "read_only"),
                ("volumes", _ITEM, "volume", "nocopy"),
            ],
            boolean,
        ),
    }
)  # fmt: skip
_EXTERNAL: Dict[Path, Callable[[str], Value]] = MappingProxyType({("external",): boolean})
_OTHERS: Dict[str, Dict[Path, Callable[[str], Value]]] = MappingProxyType(
    {
        "networks": MappingProxyType(
            dict.fromkeys(
                [
                    ("external",), ("internal",), ("attachable",), ("enable_ipv4",),
                    ("enable_ipv6",),
                ],
                boolean,
            )
        ),
        "volumes": _EXTERNAL,
        "secrets": _EXTERNAL,
        "configs": _EXTERNAL,
    }
)  # fmt: skip

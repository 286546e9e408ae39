"""What expressions of bake files can refer to, evaluated when it is needed and once only.

Variables, root attributes, functions and the blocks of targets and groups refer to one another in
any order, across files. Each has a key, and the keys that are being evaluated tell a circle from a
value. Rules: spec/bake-file 2.8 to 2.11.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from bakex.bake import variables
from bakex.bake.declared import Variable, declared_type, described, user_function
from bakex.bake.extensions import Extension
from bakex.bake.functions.standard import STANDARD_NAMES
from bakex.bake.hcl import static
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.syntax import AttributeStep
from bakex.bake.problems import placed_at
from bakex.bake.values.value import object_value, string
from bakex.errors import CycleError, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from bakex.bake.bodies import Merged
    from bakex.bake.functions.function import Context, Function
    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.source import Source
    from bakex.bake.hcl.syntax import Expression, Node, Traversal
    from bakex.bake.values.value import Value
    from bakex.diagnostics import Span

Key = tuple[str, ...]
BLOCK_WORDS = frozenset({"target", "group"})
SELF = "self"
_JSON = "_JSON"


class References(Protocol):
    """What ``target.NAME`` and ``group.NAME`` lead to."""

    def lookup(self, traversal: Traversal) -> tuple[Value, int]:
        """Return the value of a reference, and how many of its steps that covers.

        Raises:
            EvaluationError: No such block or attribute, or one without a value.
            CycleError: The reference leads back to itself.
        """
        ...


class Names:
    """The scope of expressions outside of matrix blocks and functions.

    Attributes:
        context: Time, randomness, the home directory and the budget of the evaluation.
    """

    __slots__ = ("_references", "_world", "context")

    def __init__(self, world: World, references: References | None) -> None:
        self._world = world
        self._references = references
        self.context = world.context

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        """Return the value of a variable, a root attribute or a reference to a block."""
        if traversal.name in BLOCK_WORDS:
            return self._references.lookup(traversal) if self._references else None
        value = self._world.value(traversal.name, traversal)
        return None if value is None else (value, 0)

    def function(self, name: str) -> Function | None:
        """Return a function of the files."""
        return self._world.function(name)

    def names(self) -> Iterable[str]:
        """Return the names of variables and root attributes."""
        return self._world.names()

    def function_names(self) -> Iterable[str]:
        """Return the names of the files' functions."""
        return tuple(self._world.merged.functions)


class Itself:
    """What a target's expressions see: the scope of its block, and ``self`` (bakex's own).

    A variable, root attribute or matrix value called ``self`` goes first: to the reference it is a
    name like others.

    Attributes:
        outer: The scope of the block, without ``self``.
        context: Shared by all expressions.
    """

    __slots__ = ("_entries", "_world", "context", "outer")

    def __init__(self, world: World, outer: Scope, name: str, platform: str = "") -> None:
        """Make the scope of a target, or of a ``platform`` block in it.

        Args:
            world: Is told when ``self`` is used.
            outer: What else there is.
            name: ``self.name``.
            platform: ``self.platform``; empty outside of such blocks.
        """
        self._world = world
        self._entries = {"name": name, **({"platform": platform} if platform else {})}
        self.outer = outer
        self.context = outer.context

    def lookup(self, traversal: Traversal) -> tuple[Value, int] | None:
        """Return what the outer scope has, or a part of ``self``."""
        found = self.outer.lookup(traversal)
        if found is not None or traversal.name != SELF:
            return found
        self._world.note("'self'", traversal.span, traversal.source, "write out what it stands for")
        step = traversal.steps[0] if traversal.steps else None
        if not isinstance(step, AttributeStep):
            return object_value({key: string(text) for key, text in self._entries.items()}), 0
        if step.name in self._entries:
            return string(self._entries[step.name]), 1
        if step.name == "platform":
            raise EvaluationError(
                "there is no self.platform here",
                detail="It has a value in the platform blocks of a target only.",
                hint='write it inside of platform "OS/ARCH" { }',
            )
        raise EvaluationError(
            f"self has no {step.name!r}", hint=f"there is self.{', self.'.join(self._entries)}"
        )

    def function(self, name: str) -> Function | None:
        """Ask the outer scope."""
        return self.outer.function(name)

    def names(self) -> Iterable[str]:
        """Return the names of the outer scope, and ``self``."""
        return (*self.outer.names(), SELF)

    def function_names(self) -> Iterable[str]:
        """Ask the outer scope."""
        return self.outer.function_names()


class World:
    """Everything that the files define, and what has been evaluated of it.

    Attributes:
        merged: The bodies of all files.
        context: Shared by all expressions.
        plain: The scope of variables and functions, which cannot refer to blocks.
        full: The scope of everything else; set it as soon as there are references.
        extensions: What the files use beyond the reference's language, by its place.
    """

    def __init__(
        self,
        merged: Merged,
        *,
        builtins: Mapping[str, Value],
        variables: Mapping[str, str],
        environ: Mapping[str, str],
        context: Context,
    ) -> None:
        # The built-in names cannot be taken: what the files say about them is not even looked at.
        for name in builtins:
            merged.variables.pop(name, None)
            merged.attributes.pop(name, None)
        self.merged = merged
        self.context = context
        self.plain = Names(self, None)
        self.full = self.plain
        self.extensions: dict[Span, Extension] = {}
        self._builtins = builtins
        self._given = variables
        self._environ = environ
        self._values: dict[str, Value] = {}
        self._variables: dict[str, Variable] = {}
        self._functions: dict[str, Function] = {}
        self._pending: dict[Key, None] = {}

    def refer_to(self, references: References) -> None:
        """Let expressions refer to blocks."""
        self.full = Names(self, references)

    def names(self) -> tuple[str, ...]:
        """Return the names of built-ins, variables and root attributes."""
        return (*self._builtins, *self.merged.variables, *self.merged.attributes)

    def note(self, what: str, span: Span, source: Source, instead: str) -> None:
        """Remember the use of an extension; the same place counts once.

        Args:
            what: The extension in words.
            span: Where it is used.
            source: The file.
            instead: How to do without it.
        """
        if span not in self.extensions:
            self.extensions[span] = Extension(
                what=what, span=span, source=source.text, instead=instead
            )

    @contextmanager
    def entering(self, key: Key, node: Node) -> Generator[None]:
        """Mark something as being evaluated.

        Raises:
            CycleError: It is being evaluated already: its value would depend on itself.
        """
        if key in self._pending:
            keys = list(self._pending)
            chain = [".".join(part) for part in (*keys[keys.index(key) :], key)]
            error = CycleError(
                f"{'.'.join(key)} refers to itself",
                detail=f"{' -> '.join(chain)}.",
                span=node.span,
                source=node.source.text,
            )
            error.members = frozenset(chain)
            raise error
        self._pending[key] = None
        try:
            yield
        finally:
            del self._pending[key]

    def value(self, name: str, node: Node) -> Value | None:
        """Return the value of a name, None if there is no such name.

        Args:
            name: A built-in, variable or root attribute.
            node: What needs it, to show where a circle closes.

        Raises:
            DefinitionError: Its expression has no value.
        """
        known = self._builtins.get(name) or self._values.get(name)
        if known is not None:
            return known
        if name not in self.merged.variables and name not in self.merged.attributes:
            return None
        if name in self.merged.variables:
            return self.variable(name, node).value
        with self.entering((name,), node):
            value = evaluate(self.merged.attributes[name].expr, self.full)
        self._values[name] = value
        return value

    def variable(self, name: str, node: Node) -> Variable:
        """Return a variable with its value.

        Args:
            name: Of a variable block.
            node: What needs it, to show where a circle closes.

        Raises:
            DefinitionError: It has no value.
        """
        known = self._variables.get(name)
        if known is not None:
            return known
        with self.entering((name,), node):
            found = self._variable(name)
        self._variables[name] = found
        return found

    def function(self, name: str, node: Node | None = None) -> Function | None:
        """Return a function of the files, None if there is none.

        Args:
            name: What is called.
            node: The call, to show where a circle closes.

        Raises:
            DefinitionError: Its block is malformed, or it calls itself.
        """
        block = self.merged.functions.get(name)
        if block is None or name in STANDARD_NAMES:
            return None
        known = self._functions.get(name)
        if known is not None:
            return known
        with self.entering(("function", name), node or block):
            made, result = user_function(block, self.plain, self.names())
            for call in static.function_calls(result):
                self.function(call.name, call)
        self._functions[name] = made
        return made

    def _variable(self, name: str) -> Variable:
        block = self.merged.variables[name]
        shadow = self.merged.attributes.get(name)
        # A root attribute of the same name takes over: its expression is the default, without type.
        declared = None if shadow else declared_type(block)
        expr = shadow.expr if shadow else self._default(name)
        default = None if expr is None else evaluate(expr, self.full if shadow else self.plain)
        text, json_text = self._given_text(name), self._json_text(name)
        with placed_at(block.source, block.open, f"variable {name!r}"):
            value = variables.valued(declared, default, text, json_text)
        description = described(block, self.plain)
        return Variable(name=name, type=declared, value=value, description=description)

    def _default(self, name: str) -> Expression | None:
        attribute = self.merged.variables[name].body.attributes.get("default")
        return attribute.expr if attribute else None

    def _given_text(self, name: str) -> str | None:
        return self._given[name] if name in self._given else self._environ.get(name)

    def _json_text(self, name: str) -> str | None:
        other = name + _JSON
        # A variable of that name is one of its own.
        if other in self.merged.variables or other in self._builtins:
            return None
        return self._given_text(other)

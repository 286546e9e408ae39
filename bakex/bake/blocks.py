"""Blocks of targets and groups: expanded, evaluated attribute by attribute, referred to.

Every attribute of every block is a key of its own in the evaluation, so that targets may refer to
one another as long as no attribute needs itself. A reference gives what the block says: nothing
inherited, no default, no override (spec/bake-file 2.11).
"""

from __future__ import annotations

import posixpath
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex._util.suggest import closest
from bakex.bake import attributes
from bakex.bake.groups import Group
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.syntax import AttributeStep, Traversal
from bakex.bake.links import is_link
from bakex.bake.matrix import instances
from bakex.bake.merge import ATTRIBUTES, Draft, merge
from bakex.bake.problems import placed, placed_at
from bakex.bake.source import STDIN
from bakex.bake.values.value import object_value, string
from bakex.bake.values.valuetype import STRING
from bakex.errors import EvaluationError
from bakex.model.attributes import Attr, Merge, Shape
from bakex.model.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.syntax import Attribute, Block, Step
    from bakex.bake.merge import Value as Setting
    from bakex.bake.names import World
    from bakex.bake.values.value import Value

# Attributes of blocks that are not attributes of targets: they are used up here.
_INHERITS = Attr(name="inherits", shape=Shape.STRINGS, merge=Merge.APPEND, doc="Parents.")
_TARGETS = Attr(name="targets", shape=Shape.STRINGS, merge=Merge.REPLACE, doc="Members.")
_DESCRIPTION = ATTRIBUTES["description"]
_TARGET: Mapping[str, Attr] = MappingProxyType({**ATTRIBUTES, "inherits": _INHERITS})
_GROUP: Mapping[str, Attr] = MappingProxyType({"description": _DESCRIPTION, "targets": _TARGETS})
_KEPT = ("/", "cwd://", "docker-image:", "oci-layout://")


class Instance:
    """A target or group block, or one combination of a matrix.

    Attributes:
        kind: ``target`` or ``group``.
        name: Its own name, which for a matrix is not the label.
        block: Where it is written.
        scope: What its expressions see.
        table: The attributes it can have.
    """

    __slots__ = ("block", "kind", "name", "scope", "table", "values")

    def __init__(self, kind: str, name: str, block: Block, scope: Scope) -> None:
        self.kind = kind
        self.name = name
        self.block = block
        self.scope = scope
        self.table = _GROUP if kind == "group" else _TARGET
        self.values: dict[str, Value] = {}

    def get(self, name: str) -> Attribute | None:
        """Return an attribute of the block."""
        return self.block.body.attributes.get(name)


class Blocks:
    """The target and group blocks of all files; what references lead to."""

    def __init__(self, world: World, *, relative: bool) -> None:
        """Nothing is evaluated yet.

        Args:
            world: What else the files define.
            relative: Contexts are relative to the file that names them.
        """
        self._world = world
        self._relative = relative
        self._expanded: dict[str, tuple[Instance, ...]] = {}
        self._expanding: set[str] = set()
        self._groups: dict[str, Instance] = {}

    def drafts(self) -> dict[str, Draft]:
        """Return what the files say about every target, in the order in which they come first.

        Raises:
            DefinitionError: An attribute has no value, or one that it cannot have.
        """
        found: dict[str, Draft] = {}
        for label in self._world.merged.targets:
            for instance in self._expand(label):
                draft = self._draft(instance)
                earlier = found.get(instance.name)
                found[instance.name] = merge(earlier, draft) if earlier else draft
        return found

    def groups(self) -> dict[str, Group]:
        """Return the groups, and those that stand for a matrix.

        Raises:
            DefinitionError: An attribute has no value, or one that it cannot have.
        """
        found: dict[str, Group] = {}
        for label in self._world.merged.targets:
            names = tuple(dict.fromkeys(instance.name for instance in self._expand(label)))
            if names and names != (label,):
                found[label] = Group(name=label, targets=names)
        for label in self._world.merged.groups:
            found[label] = self._group(self._group_instance(label))
        return found

    def lookup(self, traversal: Traversal) -> tuple[Value, int]:
        """Return what ``target.NAME.ATTRIBUTE`` or ``group.NAME.ATTRIBUTE`` says.

        Raises:
            EvaluationError: No such block or attribute, or one without a value.
            CycleError: The attribute needs itself.
        """
        with placed(traversal):
            names = [_step_name(step) for step in traversal.steps[:2]]
            if not names or names[0] is None:
                raise EvaluationError(
                    f"{traversal.name!r} alone is no value",
                    hint=f"write {traversal.name}.NAME.ATTRIBUTE",
                )
            found = self._find(traversal.name, names[0])
            if len(names) < 2 or names[1] is None:
                table = found[-1].table
                keys = (*(("name",) if traversal.name == "target" else ()), *table)
                entries = {key: self._referenced(found, key, traversal) for key in keys}
                return object_value(entries), 1
            return self._referenced(found, names[1], traversal), 2

    def _find(self, kind: str, name: str) -> tuple[Instance, ...]:
        found = self._instances(name)
        known = [i.name for instances_ in self._expanded.values() for i in instances_]
        if kind == "group":
            known = list(self._world.merged.groups)
            found = (self._group_instance(name),) if name in known else ()
        if not found:
            near = closest(name, known)
            raise EvaluationError(
                f"there is no {kind} named {name!r}", hint=f"did you mean {near!r}?" if near else ""
            )
        return found

    def _instances(self, name: str) -> tuple[Instance, ...]:
        labels = self._world.merged.targets
        # The label first: expanding the others may need this very target.
        for label in sorted(labels, key=lambda label: label != name):
            if label not in self._expanding:
                self._expand(label)
            if label == name and any(i.name == name for i in self._expanded.get(label, ())):
                break
        everything = (i for label in labels for i in self._expanded.get(label, ()))
        return tuple(instance for instance in everything if instance.name == name)

    def _expand(self, label: str) -> tuple[Instance, ...]:
        known = self._expanded.get(label)
        if known is not None:
            return known
        blocks = self._world.merged.targets[label]
        self._expanding.add(label)
        try:
            with self._world.entering(("target", label), blocks[0]):
                found = tuple(
                    Instance("target", name, block, scope)
                    for block in blocks
                    for name, scope in instances(block, self._world.full)
                )
        finally:
            self._expanding.discard(label)
        self._expanded[label] = found
        return found

    def _group_instance(self, label: str) -> Instance:
        block = self._world.merged.groups[label]
        if label not in self._groups:
            self._groups[label] = Instance("group", label, block, self._world.full)
        return self._groups[label]

    def _referenced(self, found: tuple[Instance, ...], name: str, node: Traversal) -> Value:
        last = found[-1]
        if name == "name" and last.kind == "target":
            return string(last.name)
        attr = last.table.get(name)
        if attr is None:
            near = closest(name, last.table)
            raise EvaluationError(
                f"{last.kind}s have no attribute {name!r}",
                hint=f"did you mean {near!r}?" if near else "",
            )
        for instance in reversed(found):
            value = self._value(instance, name, node)
            if value is not None and not (value.is_null and attr.nullable):
                return attributes.as_value(attr, value)
        return attributes.as_value(attr, None)

    def _value(self, instance: Instance, name: str, node: Traversal | None = None) -> Value | None:
        attribute = instance.get(name)
        if attribute is None:
            return None
        if name not in instance.values:
            key = (instance.kind, instance.name, name)
            with self._world.entering(key, node or attribute):
                instance.values[name] = evaluate(attribute.expr, instance.scope)
        return instance.values[name]

    def _read(self, instance: Instance, name: str) -> Setting | None:
        value = self._value(instance, name)
        attribute = instance.get(name)
        if value is None or attribute is None:
            return None
        with placed(attribute.expr, f"attribute {name!r}"):
            return attributes.read(instance.table[name], value)

    def _draft(self, instance: Instance) -> Draft:
        values: dict[str, Setting] = {}
        written = [name for name in instance.block.body.attributes if name in instance.table]
        for name in written:
            setting = self._read(instance, name)
            if setting is not None and (setting != "" or name != "description"):
                values[name] = self._rebased(instance, name, setting)
        inherits = cast("tuple[str, ...]", values.pop("inherits", ()))
        attributes_ = instance.block.body.attributes
        kept = {*values, *(("inherits",) if inherits else ())}
        spans = {name: attributes_[name].expr.span for name in written if name in kept}
        directory = _directory(instance.block) if self._relative else ""
        return Draft(values=values, inherits=inherits, spans=spans, directory=directory)

    def _group(self, instance: Instance) -> Group:
        for name in ("name", "matrix"):
            attribute = instance.get(name)
            if attribute is not None:
                with placed(attribute):
                    raise EvaluationError(f"a group cannot have the attribute {name!r}")
        if instance.get("targets") is None:
            with placed_at(instance.block.source, instance.block.open):
                raise EvaluationError(
                    f"group {instance.name!r} has no targets", hint="write targets = [...]"
                )
        targets = self._read(instance, "targets")
        description = self._read(instance, "description")
        return Group(
            name=instance.name,
            targets=cast("tuple[str, ...] | None", targets),
            description=str(description or ""),
        )

    def _rebased(self, instance: Instance, name: str, setting: Setting) -> Setting:
        if not self._relative or name not in {"context", "contexts"}:
            return setting
        base = self._base(instance, name)
        if isinstance(setting, str):
            return rebased(setting, base)
        entries = cast("dict[str, str]", setting)
        return {key: rebased(path, base) if path else path for key, path in entries.items()}

    def _base(self, instance: Instance, name: str) -> str:
        attribute = instance.get(name)
        expr = attribute.expr if attribute else None
        # A context that is another target's is relative to where that one is written.
        if isinstance(expr, Traversal) and expr.name == "target" and len(expr.steps) == 2:
            other, attr = (_step_name(step) for step in expr.steps)
            for found in reversed(self._find("target", other or "")):
                if attr is not None and found.get(attr) is not None:
                    return self._base(found, attr)
        return _directory(attribute or instance.block)


def rebased(path: str, base: str) -> str:
    """Return a context relative to a directory, unless it is absolute or no path at all."""
    if path.startswith(_KEPT) or is_link(path) or is_remote(path):
        return path
    return posixpath.normpath(posixpath.join(base, path))


def _directory(node: Block | Attribute) -> str:
    name = node.source.name
    return "" if name == STDIN else posixpath.dirname(name)


def _step_name(step: Step) -> str | None:
    if isinstance(step, AttributeStep):
        return step.name
    return step.key.text if step.key.type == STRING and not step.key.is_null else None

"""Blocks of targets and groups: expanded, evaluated attribute by attribute, referred to.

Every attribute of every block is a key of its own in the evaluation, so that targets may refer to
one another as long as no attribute needs itself. A reference gives what the block says: nothing
inherited, no default, no override (spec/bake-file 2.11).
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from bakex._util.suggest import closest
from bakex.bake import attributes, publishing
from bakex.bake.bodies import PLATFORM, PUBLISH
from bakex.bake.contexts import rebased
from bakex.bake.groups import Group, limits
from bakex.bake.hcl.evaluate import evaluate
from bakex.bake.hcl.syntax import AttributeStep, Traversal
from bakex.bake.matrix import instances
from bakex.bake.merge import ATTRIBUTES, Draft, merge
from bakex.bake.names import Itself
from bakex.bake.problems import placed, placed_at, placed_label
from bakex.bake.values.value import object_value, string
from bakex.bake.values.valuetype import STRING
from bakex.bake.variants import TABLE, platform_of
from bakex.errors import EvaluationError
from bakex.model.attributes import Attr, Merge, Shape
from bakex.model.bakefile import STDIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.bake.findings import Findings
    from bakex.bake.hcl.scope import Scope
    from bakex.bake.hcl.syntax import Attribute, Block, Step
    from bakex.bake.merge import Value as Setting
    from bakex.bake.names import World
    from bakex.bake.values.value import Value
    from bakex.model.platform import Platform

# Attributes of blocks that are not attributes of targets: they are used up here.
_INHERITS = Attr(name="inherits", shape=Shape.STRINGS, merge=Merge.APPEND, doc="Parents.")
_TARGETS = Attr(name="targets", shape=Shape.STRINGS, merge=Merge.REPLACE, doc="Members.")
_PLATFORMS = ATTRIBUTES["platforms"]
# What references to a block can ask for, by its kind.
_TABLES: Mapping[str, Mapping[str, Attr]] = MappingProxyType(
    {
        "target": {
            **{name: attr for name, attr in ATTRIBUTES.items() if not attr.block},
            "inherits": _INHERITS,
        },
        "group": {"description": ATTRIBUTES["description"], "targets": _TARGETS},
        PLATFORM: TABLE,
        PUBLISH: publishing.TABLE,
    }
)


class Instance:
    """A target or group block, one combination of a matrix, or a block inside of one.

    Attributes:
        kind: ``target``, ``group``, ``platform`` or ``publish``.
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
        self.table = _TABLES[kind]
        self.values: dict[str, Value] = {}

    def get(self, name: str) -> Attribute | None:
        """Return an attribute of the block."""
        return self.block.body.attributes.get(name)


class Blocks:
    """The target and group blocks of all files; what references lead to."""

    def __init__(
        self,
        world: World,
        findings: Findings,
        *,
        relative: bool,
        unbased: frozenset[str] = frozenset(),
    ) -> None:
        """Nothing is evaluated yet.

        Args:
            world: What else the files define.
            findings: Gets the faults.
            relative: Contexts are relative to the file that names them.
            unbased: Names of files for which that is not so: they are not of this machine.
        """
        self._world = world
        self._findings = findings
        self._relative = relative
        self._unbased = unbased | {STDIN}
        self._expanded: dict[str, tuple[Instance, ...]] = {}
        self._expanding: set[str] = set()
        self._by_name: dict[str, list[tuple[str, Instance]]] = {}  # with the labels of the blocks
        self._groups: dict[str, Instance] = {}

    def drafts(self) -> dict[str, Draft]:
        """Return what the files say about every target, in the order in which they come first.

        Attributes that have no value, or one that they cannot have, are left out and noted.
        """
        found: dict[str, Draft] = {}
        for label in self._world.merged.targets:
            with self._findings.gathering():
                for instance in self._expand(label):
                    draft = self._draft(instance)
                    earlier = found.get(instance.name)
                    found[instance.name] = merge(earlier, draft) if earlier else draft
        return found

    def groups(self) -> dict[str, Group]:
        """Return the groups, and those that stand for a matrix.

        Groups with an attribute that has no value, or one that it cannot have, are left out and
        noted.
        """
        found: dict[str, Group] = {}
        for label in self._world.merged.targets:
            with self._findings.gathering():
                names = tuple(dict.fromkeys(instance.name for instance in self._expand(label)))
                if names and names != (label,):
                    found[label] = Group(name=label, targets=names)
        for label in self._world.merged.groups:
            with self._findings.gathering():
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
            if not names or names[0] is None or not isinstance(traversal.steps[0], AttributeStep):
                raise EvaluationError(
                    f"{traversal.name!r} alone is no value",
                    hint=f"write {traversal.name}.NAME.ATTRIBUTE",
                )
            found = self._find(traversal.name, names[0])
            if len(names) < 2 or names[1] is None:
                # As a whole it is what it is to the reference: texts are made of it.
                own = found[-1].table.items()
                table = (name for name, attr in own if not attr.extension)
                keys = (*(("name",) if traversal.name == "target" else ()), *table)
                entries = {key: self._referenced(found, key, traversal) for key in keys}
                return object_value(entries), 1
            return self._referenced(found, names[1], traversal), 2

    def _find(self, kind: str, name: str) -> tuple[Instance, ...]:
        groups = self._world.merged.groups
        found: tuple[Instance, ...]
        if kind == "group":
            found = (self._group_instance(name),) if name in groups else ()
        else:
            found = self._instances(name)
        if not found:
            near = closest(name, groups if kind == "group" else self._by_name)
            raise EvaluationError(
                f"there is no {kind} named {name!r}", hint=f"did you mean {near!r}?" if near else ""
            )
        return found

    def _instances(self, name: str) -> tuple[Instance, ...]:
        labels = self._world.merged.targets
        # The label first: expanding the others may need this very target.
        if name in labels and name not in self._expanding:
            self._expand(name)
        if not any(label == name for label, _ in self._by_name.get(name, ())):
            for label in labels:
                if label not in self._expanding and label not in self._expanded:
                    self._expand(label)
        found = self._by_name.get(name, ())
        if len(found) > 1:
            order = list(labels)
            found = sorted(found, key=lambda item: order.index(item[0]))
        return tuple(instance for _, instance in found)

    def _expand(self, label: str) -> tuple[Instance, ...]:
        known = self._expanded.get(label)
        if known is not None:
            return known
        blocks = self._world.merged.targets[label]
        self._expanding.add(label)
        try:
            with self._world.entering(("target", label), blocks[0]):
                found = tuple(
                    Instance("target", name, block, Itself(self._world, scope, name))
                    for block in blocks
                    for name, scope in instances(block, self._world.full)
                )
        finally:
            self._expanding.discard(label)
        self._expanded[label] = found
        for instance in found:
            self._by_name.setdefault(instance.name, []).append((label, instance))
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
            if node is None:
                # Only references close a circle: it is reported at the one that comes again.
                instance.values[name] = evaluate(attribute.expr, instance.scope)
            else:
                with self._world.entering((instance.kind, instance.name, name), node):
                    instance.values[name] = evaluate(attribute.expr, instance.scope)
        return instance.values[name]

    def _read(self, instance: Instance, attr: Attr) -> Setting | None:
        value = self._value(instance, attr.name)
        attribute = instance.get(attr.name)
        if value is None or attribute is None:
            return None
        with placed(attribute.expr, f"attribute {attr.name!r}"):
            return attributes.read(attr, value)

    def _draft(self, instance: Instance) -> Draft:
        values: dict[str, Setting] = {}
        attributes_ = instance.block.body.attributes
        written = [name for name in attributes_ if name in instance.table]
        for name in written:
            if instance.table[name].extension and instance.kind == "target":
                node = attributes_[name]
                self._world.note(f"the attribute {name!r}", node.name_span, node.source, "")
            with self._findings.gathering():
                setting = self._read(instance, instance.table[name])
                if setting is not None and (setting != "" or name != "description"):
                    values[name] = self._rebased(instance, name, setting)
        inherits = cast("tuple[str, ...]", values.pop("inherits", ()))
        kept = {*values, *(("inherits",) if inherits else ())}
        spans = {name: attributes_[name].expr.span for name in written if name in kept}
        directory = self._directory(instance.block) if self._relative else ""
        draft = Draft(
            values=values,
            inherits=inherits,
            spans=spans,
            directory=directory,
            variants=self._variants(instance),
        )
        return self._publishing(instance, draft)

    def _publishing(self, instance: Instance, draft: Draft) -> Draft:
        """Lay what ``publish`` blocks say over what is outside of them."""
        for block in instance.block.body.blocks:
            if block.type != PUBLISH or instance.kind != "target":
                continue
            with self._findings.gathering():
                publishing.check(block)
                instead = "build the gates first, and publish when they are done"
                self._world.note("a publish block", block.type_span, block.source, instead)
                name = f"target.{instance.name}.{PUBLISH}"
                inner = self._draft(Instance(PUBLISH, name, block, instance.scope))
                draft = merge(draft, publishing.placed(inner))
        return draft

    def _variants(self, instance: Instance) -> dict[Platform, Draft]:
        found: dict[Platform, Draft] = {}
        for block in instance.block.body.blocks:
            if block.type != PLATFORM:
                continue
            with self._findings.gathering():
                platform = platform_of(block)
                draft = self._variant(instance, platform, block)
                found[platform] = merge(found[platform], draft) if platform in found else draft
        return found

    def _variant(self, instance: Instance, platform: Platform, block: Block) -> Draft:
        instead = "make a target of its own for each platform that differs"
        self._world.note("a platform block", block.type_span, block.source, instead)
        outer = instance.scope.outer if isinstance(instance.scope, Itself) else instance.scope
        scope = Itself(self._world, outer, instance.name, str(platform))
        name = f"target.{instance.name}.{platform}"
        # Where a context is that the block does not name is the target's affair.
        draft = self._draft(Instance(PLATFORM, name, block, scope))
        return replace(draft, directory="", place=block.label_span(0))

    def _group(self, instance: Instance) -> Group:
        for name in ("name", "matrix"):
            attribute = instance.get(name)
            if attribute is not None:
                with placed_label(instance.block):
                    raise EvaluationError(f"a group cannot have the attribute {name!r}")
        if instance.get("targets") is None:
            with placed_at(instance.block.source, instance.block.open):
                raise EvaluationError(
                    f"group {instance.name!r} has no targets", hint="write targets = [...]"
                )
        targets = self._read(instance, _TARGETS)
        description = self._read(instance, instance.table["description"])
        return Group(
            name=instance.name,
            targets=cast("tuple[str, ...] | None", targets),
            description=str(description or ""),
            platforms=self._group_platforms(instance),
        )

    def _group_platforms(self, instance: Instance) -> tuple[str, ...]:
        attribute = instance.get(_PLATFORMS.name)
        words = cast("tuple[str, ...] | None", self._read(instance, _PLATFORMS))
        if attribute is None or words is None:
            return ()
        instead = "name the platforms with --set TARGET.platform="
        self._world.note(
            "the attribute 'platforms' of a group", attribute.name_span, attribute.source, instead
        )
        with placed(attribute.expr, f"group {instance.name!r}"):
            return limits(words)

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
        return self._directory(attribute or instance.block)

    def _directory(self, node: Block | Attribute) -> str:
        name = node.source.name
        return "" if name in self._unbased else posixpath.dirname(name)


def _step_name(step: Step) -> str | None:
    if isinstance(step, AttributeStep):
        return step.name
    return step.key.text if step.key.type == STRING and not step.key.is_null else None

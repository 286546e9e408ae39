"""The expressions of the syntax tree that are made of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.bake.hcl.syntax import Expression, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.bake.hcl.source import Source
    from bakex.diagnostics import Span


class Access(Expression):
    """Constant steps applied to any expression."""

    __slots__ = ("base", "steps")

    def __init__(
        self, source: Source, start: int, end: int, base: Expression, steps: list[Step]
    ) -> None:
        super().__init__(source, start, end)
        self.base = base
        self.steps = steps

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.base,)


class Index(Expression):
    """``collection[key]`` with a computed key."""

    __slots__ = ("collection", "key", "open")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        collection: Expression,
        key: Expression,
        open_: int,
    ) -> None:
        super().__init__(source, start, end)
        self.collection = collection
        self.key = key
        self.open = open_

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.collection, self.key)


class SplatItem(Expression):
    """The element that a splat is at; has no text of its own."""

    __slots__ = ()


class Splat(Expression):
    """``base[*]…`` or ``base.*…``.

    Attributes:
        base: What is run through.
        each: What is computed of every element; its innermost part is `item`.
        item: Stands for the element inside `each`.
    """

    __slots__ = ("base", "each", "item")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        base: Expression,
        each: Expression,
        item: SplatItem,
    ) -> None:
        super().__init__(source, start, end)
        self.base = base
        self.each = each
        self.item = item

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.base, self.each)


class Call(Expression):
    """``name(arguments…)``.

    Attributes:
        name: The function, with its namespace if one was written.
        name_end: Offset behind the name.
        arguments: The arguments.
        expand: Whether the last argument is followed by ``...``.
        close: Offset of the closing parenthesis.
    """

    __slots__ = ("arguments", "close", "expand", "name", "name_end")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        name: str,
        name_end: int,
        arguments: list[Expression],
        close: int,
        *,
        expand: bool,
    ) -> None:
        super().__init__(source, start, end)
        self.name = name
        self.name_end = name_end
        self.arguments = arguments
        self.close = close
        self.expand = expand

    @property
    def name_span(self) -> Span:
        """The place of the function's name."""
        return self.source.span(self.start, self.name_end)

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return self.arguments


class Conditional(Expression):
    """``condition ? yes : no``; also ``%{ if }`` in a template."""

    __slots__ = ("condition", "no", "yes")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        condition: Expression,
        yes: Expression,
        no: Expression,
    ) -> None:
        super().__init__(source, start, end)
        self.condition = condition
        self.yes = yes
        self.no = no

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.condition, self.yes, self.no)


class Binary(Expression):
    """``left operator right``. Chains lean to the left and may be long: walk them with a loop."""

    __slots__ = ("left", "operator", "right")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        operator: str,
        left: Expression,
        right: Expression,
    ) -> None:
        super().__init__(source, start, end)
        self.operator = operator
        self.left = left
        self.right = right

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.left, self.right)


class Unary(Expression):
    """``-operand`` or ``!operand``."""

    __slots__ = ("operand", "operator")

    def __init__(
        self, source: Source, start: int, end: int, operator: str, operand: Expression
    ) -> None:
        super().__init__(source, start, end)
        self.operator = operator
        self.operand = operand

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.operand,)


class Parentheses(Expression):
    """``(inner)``."""

    __slots__ = ("inner",)

    def __init__(self, source: Source, start: int, end: int, inner: Expression) -> None:
        super().__init__(source, start, end)
        self.inner = inner

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.inner,)


class TupleExpression(Expression):
    """``[items…]``."""

    __slots__ = ("items",)

    def __init__(self, source: Source, start: int, end: int, items: list[Expression]) -> None:
        super().__init__(source, start, end)
        self.items = items

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return self.items


class ObjectItem:
    """``key = value`` of an object.

    Attributes:
        key: The key; a `Literal` string where a bare word was written.
        value: The value.
    """

    __slots__ = ("key", "value")

    def __init__(self, key: Expression, value: Expression) -> None:
        self.key = key
        self.value = value


class ObjectExpression(Expression):
    """``{items…}``.

    Attributes:
        items: The items.
        unique: Whether two items with the same key are an error, as in JSON; else the last counts.
    """

    __slots__ = ("items", "unique")

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        items: list[ObjectItem],
        *,
        unique: bool = False,
    ) -> None:
        super().__init__(source, start, end)
        self.items = items
        self.unique = unique

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return [part for item in self.items for part in (item.key, item.value)]


class For(Expression):
    """``[for …]`` or ``{for …}``.

    Attributes:
        key_name: The first of two loop variables; empty if there is one.
        value_name: The other.
        collection: What is run through.
        key: What keys are made of; None for a tuple.
        value: What elements are made of.
        condition: Which elements count; None for all.
        grouping: Whether values of equal keys are collected (``...``).
    """

    __slots__ = (
        "collection",
        "condition",
        "grouping",
        "key",
        "key_name",
        "value",
        "value_name",
    )

    def __init__(
        self,
        source: Source,
        start: int,
        end: int,
        names: tuple[str, str],
        collection: Expression,
        key: Expression | None,
        value: Expression,
        condition: Expression | None,
        *,
        grouping: bool,
    ) -> None:
        super().__init__(source, start, end)
        self.key_name, self.value_name = names
        self.collection = collection
        self.key = key
        self.value = value
        self.condition = condition
        self.grouping = grouping

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.collection, *self.results())

    def results(self) -> Sequence[Expression]:
        """Return the parts that the loop variables are known in."""
        parts = (self.key, self.value, self.condition)
        return [part for part in parts if part is not None]


class Template(Expression):
    """Parts that are joined to a string."""

    __slots__ = ("pieces",)

    def __init__(self, source: Source, start: int, end: int, pieces: list[Expression]) -> None:
        super().__init__(source, start, end)
        self.pieces = pieces

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return self.pieces


class TemplateWrap(Expression):
    """``"${inner}"``: not a string, but the value of `inner` as it is."""

    __slots__ = ("inner",)

    def __init__(self, source: Source, start: int, end: int, inner: Expression) -> None:
        super().__init__(source, start, end)
        self.inner = inner

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.inner,)


class TemplateLoop(Expression):
    """``%{ for }`` in a template: the results of a loop, joined."""

    __slots__ = ("loop",)

    def __init__(self, source: Source, start: int, end: int, loop: For) -> None:
        super().__init__(source, start, end)
        self.loop = loop

    def parts(self) -> Sequence[Expression]:
        """Return the expressions directly inside, in the order of the text."""
        return (self.loop,)


class JsonString(Expression):
    """A string of a JSON file: a template where a value is wanted, syntax where a type is.

    Attributes:
        text: The characters, escapes resolved.
        template: What they say as a template; None until `embedded.template_of` has read them,
            because attributes that nobody reads may hold anything.
    """

    __slots__ = ("template", "text")

    def __init__(self, source: Source, start: int, end: int, text: str) -> None:
        super().__init__(source, start, end)
        self.text = text
        self.template: Expression | None = None

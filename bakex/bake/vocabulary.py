"""The attributes of blocks other than a target's own table: what bake files are made of.

Names and forms are declared here once, for the schema, the reference page and the warnings about
attributes that nothing reads. Source: spec/bake-file 2.1, 2.9 to 2.13.
"""

from __future__ import annotations

from typing import NamedTuple

# What the value of a word is. No enumeration and no dataclass below: every run imports this module
# for the names, and these are cheap to make.
TEXT = "string"
NAMES = "list of strings"
AXES = "map of lists"
ANY = "any value"
TYPE = "type"
IDENTIFIER = "name"
IDENTIFIERS = "list of names"
CONDITION = "boolean"


class Word(NamedTuple):
    """An attribute of a block.

    Attributes:
        name: Its spelling.
        form: What its value is: one of the constants of this module.
        doc: One sentence.
        required: Whether the block cannot do without.
        extension: Whether it is bakex's own.
        example: The attribute as it may stand in a bake file.
    """

    name: str
    form: str
    doc: str
    required: bool = False
    extension: bool = False
    example: str = ""


ROOT = (
    Word(
        name="include",
        form=NAMES,
        extension=True,
        example='include = ["services/*/docker-bake.hcl"]',
        doc="Other bake files that are read before this one; patterns are possible.",
    ),
)
TARGET = (
    Word(
        name="name",
        form=TEXT,
        example='name = "app-${version}"',
        doc="Name of each instance of a matrix; only together with one.",
    ),
    Word(
        name="matrix",
        form=AXES,
        example='matrix = { version = ["1", "2"] }',
        doc="Makes one target of each combination of values; they are names in the block.",
    ),
    Word(
        name="inherits",
        form=NAMES,
        example='inherits = ["base"]',
        doc="Targets whose attributes this one has, too; later ones go before earlier ones.",
    ),
)
GROUP = (
    Word(
        name="targets",
        form=NAMES,
        required=True,
        example='targets = ["app", "db"]',
        doc="The members: targets and other groups.",
    ),
    Word(
        name="description",
        form=TEXT,
        example='description = "What runs in production"',
        doc="What the group is for; shown by listings.",
    ),
    Word(
        name="platforms",
        form=NAMES,
        extension=True,
        example='platforms = ["linux/arm64"]',
        doc="The only platforms for which members are built through this group.",
    ),
)
VARIABLE = (
    Word(
        name="type",
        form=TYPE,
        example="type = list(string)",
        doc="What values it can have; in JSON and YAML a string.",
    ),
    Word(
        name="default",
        form=ANY,
        example='default = ["a", "b"]',
        doc="The value unless --var or the environment give one.",
    ),
    Word(
        name="description",
        form=TEXT,
        example='description = "Names to greet"',
        doc="What it is for; shown by listings.",
    ),
)
VALIDATION = (
    Word(
        name="condition",
        form=CONDITION,
        required=True,
        example='condition = VERSION != ""',
        doc="What must be true of the variable.",
    ),
    Word(
        name="error_message",
        form=TEXT,
        example='error_message = "VERSION must not be empty"',
        doc="What is said if it is not.",
    ),
)
FUNCTION = (
    Word(
        name="params",
        form=IDENTIFIERS,
        required=True,
        example="params = [name]",
        doc="The parameters; in JSON and YAML strings.",
    ),
    Word(
        name="variadic_params",
        form=IDENTIFIER,
        example="variadic_params = rest",
        doc="The name of all further arguments, as a list.",
    ),
    Word(
        name="result",
        form=ANY,
        required=True,
        example='result = "example.org/${name}"',
        doc="The value; may use the parameters, variables and functions.",
    ),
)


def names(words: tuple[Word, ...]) -> tuple[str, ...]:
    """Return the names of words, in their order."""
    return tuple(word.name for word in words)

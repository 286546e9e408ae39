"""The table of all standard functions: what they take, and where they are implemented.

The modules behind it are imported only when a function of theirs is called, so that a file pays
for what it uses. Names of parameters are those that messages show.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from bakex.bake.functions.function import Function, Parameter
from bakex.bake.values.valuetype import ANY, BOOL, BYTES, NUMBER, STRING, list_of, set_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bakex.bake.functions.function import Context
    from bakex.bake.values.value import Value

_PACKAGE = __name__.rpartition(".")[0]


def _n(*names: str) -> list[Parameter]:
    return [Parameter(name, NUMBER) for name in names]


def _s(*names: str) -> list[Parameter]:
    return [Parameter(name, STRING) for name in names]


def _b(*names: str) -> list[Parameter]:
    return [Parameter(name, BOOL) for name in names]


def _any(*names: str) -> list[Parameter]:
    return [Parameter(name) for name in names]


def _null(*names: str) -> list[Parameter]:
    return [Parameter(name, nullable=True) for name in names]


_STRINGS = list_of(STRING)
_ANY_LIST = list_of(ANY)
_ANY_SET = set_of(ANY)
_SET = Parameter("first_set", _ANY_SET)
_SETS = Parameter("other_sets", _ANY_SET)
_NUMBERS = Parameter("numbers", NUMBER)
_ARGS = Parameter("args", nullable=True)

# name: implementation, parameters, variadic parameter; "!" marks those that get the context.
_TABLE: dict[str, tuple[str, list[Parameter], Parameter | None]] = {
    "absolute": ("arithmetic:absolute", _n("num"), None),
    "add": ("arithmetic:add", _n("a", "b"), None),
    "and": ("arithmetic:both", _b("a", "b"), None),
    "base64decode": ("encoding:base64decode", _s("str"), None),
    "base64encode": ("encoding:base64encode", _s("str"), None),
    "basename": ("strings:basename", _s("path"), None),
    "bcrypt": ("!digests:bcrypt", _s("str"), Parameter("cost", NUMBER)),
    "byteslen": ("encoding:byteslen", [Parameter("buf", BYTES)], None),
    "bytesslice": (
        "encoding:bytesslice",
        [Parameter("buf", BYTES), *_n("offset", "length")],
        None,
    ),
    "ceil": ("arithmetic:ceil", _n("num"), None),
    "chomp": ("strings:chomp", _s("str"), None),
    "chunklist": ("sequences:chunklist", [Parameter("list", _ANY_LIST), *_n("size")], None),
    "cidrhost": ("network:cidrhost", [*_s("prefix"), *_n("hostnum")], None),
    "cidrnetmask": ("network:cidrnetmask", _s("prefix"), None),
    "cidrsubnet": ("network:cidrsubnet", [*_s("prefix"), *_n("newbits", "netnum")], None),
    "cidrsubnets": ("network:cidrsubnets", _s("prefix"), Parameter("newbits", NUMBER)),
    "coalesce": ("sequences:coalesce", [], Parameter("vals", nullable=True)),
    "coalescelist": ("sequences:coalescelist", [], Parameter("vals", nullable=True)),
    "compact": ("sequences:compact", [Parameter("list", _STRINGS)], None),
    "concat": ("sequences:concat", [], Parameter("seqs")),
    "contains": ("sequences:contains", _any("list", "value"), None),
    "csvdecode": ("encoding:csvdecode", _s("str"), None),
    "dirname": ("strings:dirname", _s("path"), None),
    "distinct": ("sequences:distinct", [Parameter("list", _ANY_LIST)], None),
    "divide": ("arithmetic:divide", _n("a", "b"), None),
    "element": ("sequences:element", [*_any("list"), *_n("index")], None),
    "equal": ("arithmetic:equal", _null("a", "b"), None),
    "flatten": ("sequences:flatten", _any("list"), None),
    "floor": ("arithmetic:floor", _n("num"), None),
    "format": ("formatting:format_text", _s("format"), _ARGS),
    "formatdate": ("dates:formatdate", _s("format", "time"), None),
    "formatlist": ("formatting:formatlist", _s("format"), _ARGS),
    "formattimestamp": ("dates:formattimestamp", [*_s("format"), *_any("time")], None),
    "greaterthan": ("arithmetic:greaterthan", _n("a", "b"), None),
    "greaterthanorequalto": ("arithmetic:greaterthanorequalto", _n("a", "b"), None),
    "hasindex": ("sequences:hasindex", _any("collection", "key"), None),
    "homedir": ("!encoding:homedir", [], None),
    "indent": ("strings:indent", [*_n("spaces"), *_s("str")], None),
    "index": ("sequences:index_", _any("collection", "key"), None),
    "indexof": ("sequences:indexof", _any("list", "value"), None),
    "int": ("arithmetic:truncate", _n("num"), None),
    "join": ("strings:join", _s("separator"), Parameter("lists", _STRINGS)),
    "jsondecode": ("encoding:jsondecode", _s("str"), None),
    "jsonencode": ("encoding:jsonencode", _null("val"), None),
    "keys": ("mappings:keys", _any("inputMap"), None),
    "length": ("sequences:length", _any("collection"), None),
    "lessthan": ("arithmetic:lessthan", _n("a", "b"), None),
    "lessthanorequalto": ("arithmetic:lessthanorequalto", _n("a", "b"), None),
    "log": ("arithmetic:log", _n("num", "base"), None),
    "lookup": ("mappings:lookup", [*_any("inputMap"), *_s("key"), *_any("default")], None),
    "lower": ("strings:lower", _s("str"), None),
    "max": ("arithmetic:largest", [], _NUMBERS),
    "md5": ("digests:md5", _s("str"), None),
    "merge": ("mappings:merge", [], Parameter("maps", nullable=True)),
    "min": ("arithmetic:smallest", [], _NUMBERS),
    "modulo": ("arithmetic:modulo", _n("a", "b"), None),
    "multiply": ("arithmetic:multiply", _n("a", "b"), None),
    "negate": ("arithmetic:negate", _n("num"), None),
    "not": ("arithmetic:negation", _b("val"), None),
    "notequal": ("arithmetic:notequal", _null("a", "b"), None),
    "or": ("arithmetic:either", _b("a", "b"), None),
    "parseint": ("arithmetic:parseint", [*_any("number"), *_n("base")], None),
    "pow": ("arithmetic:power", _n("num", "power"), None),
    "range": ("arithmetic:series", [], Parameter("params", NUMBER)),
    "regex": ("regex:regex", _s("pattern", "string"), None),
    "regex_replace": ("regex:regex_replace", _s("str", "pattern", "replace"), None),
    "regexall": ("regex:regexall", _s("pattern", "string"), None),
    "replace": ("strings:replace", _s("str", "substr", "replace"), None),
    "reverse": ("strings:reverse", _s("str"), None),
    "reverselist": ("sequences:reverselist", _any("list"), None),
    "rsadecrypt": ("digests:rsadecrypt", _s("ciphertext", "privatekey"), None),
    "sanitize": ("strings:sanitize", _s("name"), None),
    "semvercmp": ("semver:semvercmp", _s("version", "constraint"), None),
    "sethaselement": ("sets:sethaselement", [Parameter("set", _ANY_SET), *_any("elem")], None),
    "setintersection": ("sets:setintersection", [_SET], _SETS),
    "setproduct": ("sequences:setproduct", [], Parameter("sets")),
    "setsubtract": (
        "sets:setsubtract",
        [Parameter("a", _ANY_SET), Parameter("b", _ANY_SET)],
        None,
    ),
    "setsymmetricdifference": ("sets:setsymmetricdifference", [_SET], _SETS),
    "setunion": ("sets:setunion", [_SET], _SETS),
    "sha1": ("digests:sha1", _s("str"), None),
    "sha256": ("digests:sha256", _s("str"), None),
    "sha512": ("digests:sha512", _s("str"), None),
    "signum": ("arithmetic:signum", _n("num"), None),
    "slice": ("sequences:slice_", [*_any("list"), *_n("start_index", "end_index")], None),
    "sort": ("sequences:sort", [Parameter("list", _STRINGS)], None),
    "split": ("strings:split", _s("separator", "str"), None),
    "strlen": ("strings:strlen", _s("str"), None),
    "substr": ("strings:substr", [*_s("str"), *_n("offset", "length")], None),
    "subtract": ("arithmetic:subtract", _n("a", "b"), None),
    "timeadd": ("dates:timeadd", _s("timestamp", "duration"), None),
    "timestamp": ("!dates:timestamp", [], None),
    "title": ("strings:title", _s("str"), None),
    "trim": ("strings:trim", _s("str", "cutset"), None),
    "trimprefix": ("strings:trimprefix", _s("str", "prefix"), None),
    "trimspace": ("strings:trimspace", _s("str"), None),
    "trimsuffix": ("strings:trimsuffix", _s("str", "suffix"), None),
    "unixtimestampparse": ("dates:unixtimestampparse", _n("unix_timestamp"), None),
    "upper": ("strings:upper", _s("str"), None),
    "urlencode": ("strings:urlencode", _s("str"), None),
    "uuidv4": ("!digests:uuidv4", [], None),
    "uuidv5": ("digests:uuidv5", _s("namespace", "name"), None),
    "values": ("mappings:values", _any("mapping"), None),
    "zipmap": ("mappings:zipmap", [Parameter("keys", _STRINGS), *_any("values")], None),
}

# What takes expressions rather than values is part of the evaluator.
LAZY_NAMES = frozenset({"can", "convert", "try"})


def implementation(name: str) -> tuple[Callable[..., Value], bool]:
    """Import the implementation of a function; also tell whether it gets the context first."""
    path = _TABLE[name][0]
    module, _, attribute = path.lstrip("!").partition(":")
    found = getattr(import_module(f"{_PACKAGE}.{module}"), attribute)
    return cast("Callable[..., Value]", found), path.startswith("!")


def _function(name: str) -> Function:
    _, parameters, variadic = _TABLE[name]

    def call(arguments: Sequence[Value], context: Context) -> Value:
        found, contextual = implementation(name)
        return found(context, *arguments) if contextual else found(*arguments)

    return Function(name, parameters, variadic, call)


STANDARD = {name: _function(name) for name in _TABLE}
STANDARD_NAMES = LAZY_NAMES | frozenset(STANDARD)

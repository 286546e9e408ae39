from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.session.filesync.glob import PatternError
from bakex.session.filesync.ignore import Matcher, clean

# The examples follow the documentation of .dockerignore and moby/patternmatcher's behaviour.
EXAMPLES = [
    ("**", "file", True),
    ("**", "dir/file", True),
    ("**/", "file", True),
    ("**/**", "dir/file", True),
    ("dir/**", "dir/file", True),
    ("dir/**", "dir/sub/file", True),
    ("dir/**", "dir", False),
    ("dir", "dir/sub/file", True),
    ("**/dir", "dir/file", True),
    ("**/dir2/*", "dir/dir2/file", True),
    ("**/dir2/**", "dir/dir2/dir2/file", True),
    ("**file", "dir/myfile", True),
    ("**/file", "file", True),
    ("**/file", "dir/dir/file", True),
    ("**/file", "dir/myfile", False),
    ("**/file*txt", "dir/dir/file-txt", True),
    ("**/*.txt", "dir/dir/file.txt", True),
    ("**/**/*.txt", "dir/dir/file.txt", True),
    ("a**/*.txt", "a/dir/file.txt", True),
    ("a/*.txt", "a/file.txt", True),
    ("a/*.txt", "a/b/file.txt", False),
    ("a[b-d]e", "ace", True),
    ("a[b-d]e", "afe", False),
    ("a[^b-d]e", "aze", True),
    ("a[^b-d]e", "ace", False),
    ("[[:alpha:]]", "x]", False),
    ("*[a-z]", "A/b", False),
    (r"abc\*", "abc*", True),
    (r"abc\*", "abcd", False),
    (r"a\\", "a\\", True),
    ("a(b)c/def", "a(b)c/def", True),
    ("a{1}b", "aab", False),
    ("a.|)$(}+{bc", "a.|)$(}+{bc", True),
    ("*.$(}+{bc", "x.$(}+{bc", True),
    ("a^b", "a^b", True),
    ("dist/*.whl", "dist/proxy.py.whl", True),
    ("**/.foo", "bar.foo", False),
    ("**/.foo", "test/.foo", True),
    ("?", "é", True),
    ("a?", "a/", False),
    ("/abs", "abs", False),
    ("./a//b/../c", "a/c", True),
    ("  spaced ", "spaced", True),
    ("**/*a*b*c*d*e", "q/xaxbxcxdxe", True),
    ("**/*a*b*c*d*e", "q/xaxbxcxdx", False),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), EXAMPLES)
def test_examples(pattern: str, path: str, expected: bool) -> None:
    assert Matcher([pattern]).match(path)[0] is expected


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        (["**", "!docs/README.md"], "docs/README.md", False),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "!README*.md", "README-secret.md"], "README.md", False),
        (["*.md", "README-secret.md", "!README*.md"], "README-secret.md", False),
        (["a", "!a/b", "a/b/c"], "a/b/c", True),
        (["a", "!a/b", "a/b/c"], "a/b/d", False),
        (["", "   "], "a", False),
        (["!a"], "a", False),
    ],
)
def test_the_last_decision_counts(patterns: list[str], path: str, expected: bool) -> None:
    assert Matcher(patterns).match(path)[0] is expected
    assert _walked(Matcher(patterns), path)[0] is expected


@pytest.mark.parametrize("pattern", ["!", "[", "a[]", "a\\", "[a-z", r"x[a]\p", r"*\p"])
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        Matcher([pattern])


def test_no_patterns() -> None:
    assert not Matcher([])
    assert Matcher(["a"])
    assert Matcher([]).match("a") == (False, b"")


def test_cleaning() -> None:
    assert [clean(p) for p in ("//a", "a//b/", "./a", "a/..", "../a", "/..")] == [
        "/a",
        "a/b",
        "a",
        ".",
        "../a",
        "/",
    ]


def _walked(matcher: Matcher, path: str) -> tuple[bool, bytes]:
    """Return the result for a path as a walk gets it: the parent's result is handed down."""
    head, slash, _ = path.rpartition("/")
    return matcher.match(path, _walked(matcher, head)[1] if slash else None)


# ------------------------------------------------------------------- an independent, slow model


def _matches(pattern: str, path: str) -> bool:
    """Compare character by character, by definition instead of by regular expression."""
    if pattern.startswith("**") and not set("*?") & set(pattern[2:]):
        # A pattern whose only wildcard is in front is compared with the end of the path.
        return path.endswith(pattern[2:]) or (pattern[2:3] == "/" and path == pattern[3:])
    return _matches_here(pattern, path)


def _matches_here(pattern: str, path: str) -> bool:
    if not pattern:
        return not path
    if pattern.startswith("**"):
        rest = pattern[3:] if pattern.startswith("**/") else pattern[2:]
        starts = [0, *(i + 1 for i, char in enumerate(path) if char == "/")]
        return not rest or any(_matches_here(rest, path[i:]) for i in starts)
    if pattern[0] == "*":
        end = path.find("/") if "/" in path else len(path)
        return any(_matches_here(pattern[1:], path[i:]) for i in range(end + 1))
    if pattern[0] == "?":
        return path[:1] not in {"", "/"} and _matches_here(pattern[1:], path[1:])
    return path[:1] == pattern[0] and _matches_here(pattern[1:], path[1:])


def _parsed(patterns: list[str]) -> list[tuple[bool, str]]:
    cleaned = [clean(p.strip()) for p in patterns if p.strip()]
    return [(p.startswith("!"), p.removeprefix("!")) for p in cleaned]


def _ancestors(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def _model(patterns: list[str], path: str) -> bool:
    """Try every pattern on the path and on all its ancestors."""
    matched = False
    for exception, pattern in _parsed(patterns):
        if exception is matched and any(_matches(pattern, p) for p in _ancestors(path)):
            matched = not exception
    return matched


def _walked_model(patterns: list[str], path: str) -> bool:
    """Hand down which patterns were tried and matched, as upstream's walk does."""
    inherited: set[int] = set()
    matched = False
    for ancestor in _ancestors(path):
        matched, hits = False, set[int]()
        for index, (exception, pattern) in enumerate(_parsed(patterns)):
            tried = exception is matched and _matches(pattern, ancestor)
            if index in inherited or tried:
                hits.add(index)
                matched = not exception
        inherited = hits
    return matched


PART = st.text("ab*?.é", min_size=1, max_size=4) | st.just("**")
PATTERN = st.builds(
    lambda mark, parts: mark + "/".join(parts),
    st.sampled_from(["", "", "!"]),
    st.lists(PART, min_size=1, max_size=4),
)
PATH = st.lists(st.text("ab.é", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(st.lists(PATTERN, max_size=5), PATH)
def test_the_model_agrees(patterns: list[str], path: str) -> None:
    matcher = Matcher(patterns)
    assert matcher.match(path)[0] is _model(patterns, path)
    assert _walked(matcher, path)[0] is _walked_model(patterns, path)


@given(PATTERN, PATH)
def test_both_engines_agree(pattern: str, path: str) -> None:
    # A class of one character says the same, but has the other engine compile it.
    text = clean(pattern.removeprefix("!"))
    other = text.replace("a", "[a]").replace("b", "[b]")
    if not text.startswith("**"):
        assert Matcher([other]).match(path)[0] is Matcher([text]).match(path)[0]


def test_hostile_patterns_are_cheap() -> None:
    started = time.process_time()
    matcher = Matcher(["**/a/" * 12 + "b", "*a" * 30 + "b", "**/*a*a*a*a*a*a*a*b"])
    assert not matcher.match("a/" * 300 + "c")[0]
    assert not matcher.match("a" * 250)[0]
    assert time.process_time() - started < 2


def test_what_may_be_below() -> None:
    assert Matcher(["a/b/c"]).may_match_below("a/b")
    assert not Matcher(["a/b/c"]).may_match_below("a/bx")
    assert not Matcher(["a/b/c", "!x"]).may_match_below("x")
    assert Matcher(["a/*/c"]).may_match_below("x")
    assert Matcher(["a/b/**"]).may_match_below("a")
    assert Matcher(["*", "!a/b"]).may_except_below("a")
    assert not Matcher(["*", "!a/b"]).may_except_below("c")
    assert Matcher(["*", "!**/b"]).may_except_below("c")
    assert not Matcher(["*"]).may_except_below("c")

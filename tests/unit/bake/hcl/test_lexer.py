from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.hcl.lexer import END, MAX_BAD, MAX_TOKENS, tokenize, tokenize_template


def kinds(text: str) -> list[str]:
    return tokenize(text)[0].kinds[:-1]


def words(text: str) -> list[str]:
    tokens, _ = tokenize(text)
    pairs = zip(tokens.starts, tokens.ends, strict=True)
    return [text[start:end] for start, end in pairs][:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a-b - c", ["a-b", "-", "c"]),
        ("1.5 1..2 1e3 1.x", ["1.5", "1..2", "1e3", "1", ".", "x"]),
        ("a>=b&&c||d==e!=f=>g...", ["a", ">=", "b", "&&", "c", "||", "d", "==", "e", "!=", "f",
                                    "=>", "g", "..."]),
        ("ns::f()", ["ns", "::", "f", "(", ")"]),
        ("a/* x\n */b", ["a", "b"]),
        ("a # x\nb // y", ["a", "# x\n", "b"]),
        ("é\u0301x ß", ["é\u0301x", "ß"]),
        ("\ufeffa", ["a"]),
    ],
)  # fmt: skip
def test_tokens(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"plain"', ["string"]),
        ('"a$b%c"', ["opening quote", "quoted text", "closing quote"]),
        ('"a\\"b"', ["opening quote", "quoted text", "closing quote"]),
        (
            '"a${b}"',
            ["opening quote", "quoted text", "${", "name", "end of sequence", "closing quote"],
        ),
        (
            '"${ {} }"',
            ["opening quote", "${", "{", "}", "end of sequence", "closing quote"],
        ),
        (
            '"${"${x}"}"',
            ["opening quote", "${", "opening quote", "${", "name", "end of sequence",
             "closing quote", "end of sequence", "closing quote"],
        ),
        ('"$${a}%%{b}"', ["opening quote", "quoted text", "closing quote"]),
        (
            "<<E\nab\n${c}\nE\n",
            ["heredoc", "heredoc text", "${", "name", "end of sequence", "heredoc text",
             "end of heredoc", "newline"],
        ),
        ("<<E\r\nab\r\n  E  \r\n", ["heredoc", "heredoc text", "end of heredoc", "newline"]),
        ("<<E\nE x\nE\n", ["heredoc", "heredoc text", "end of heredoc", "newline"]),
        ("a ~} b", ["name", "end of sequence", "name"]),
    ],
)  # fmt: skip
def test_templates(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


def test_the_end_is_the_last_token() -> None:
    tokens, _ = tokenize("a")
    assert (tokens.kinds[-1], tokens.starts[-1], tokens.ends[-1]) == (END, 1, 1)


@pytest.mark.parametrize(
    ("text", "character", "hint"),
    [
        ("a = 'x'", "'", "in place of"),
        ("a = `x`", "`", "<<EOT"),
        ("a = 1;", ";", "new line"),
        ("a & b", "&", '"&&"'),
        ("a | b", "|", '"||"'),
        ("a ^ b", "^", "pow"),
        ("a ~ b", "~", '"!"'),
        ("a = \u201cx\u201d", "\u201c", "straight quote"),
        ("a = ²", "²", ""),
        ("a = \x00", "U+0000", ""),
    ],
)
def test_characters_that_do_not_belong(text: str, character: str, hint: str) -> None:
    _, faults = tokenize(text)
    assert faults[0].summary == f'unexpected character "{character}"'
    assert hint in faults[0].hint


def test_strings_end_on_their_line() -> None:
    _, faults = tokenize('a = "x\nb = 1')
    assert "must end on the line" in faults[0].summary
    assert (faults[0].start, faults[0].end) == (6, 7)
    _, faults = tokenize('a = "x\\\nb"')
    assert len(faults) == 2


def test_a_whole_text_as_a_template() -> None:
    tokens, _ = tokenize_template('a\n"b" ${c} d')
    assert tokens.kinds == [
        "heredoc text", "heredoc text", "${", "name", "end of sequence", "heredoc text", END,
    ]  # fmt: skip


@given(st.text(st.sampled_from("\"${}%~<E\n\r\\a1.# /*'é") | st.characters()))
def test_tokens_are_in_order_and_inside_of_the_text(text: str) -> None:
    for tokens, _ in (tokenize(text), tokenize_template(text)):
        assert len(tokens.kinds) == len(tokens.starts) == len(tokens.ends)
        position = 0
        for start, end in zip(tokens.starts, tokens.ends, strict=True):
            assert position <= start <= end <= len(text)
            position = end


@pytest.mark.parametrize("part", ["1\n", "x", "${1}", "$", "a\n"])
@pytest.mark.slow
def test_a_text_without_an_end(part: str) -> None:
    texts = [part * MAX_TOKENS, f'x = "{part * MAX_TOKENS}"', f"x = <<E\n{part * MAX_TOKENS}\nE\n"]
    for text in texts:
        tokens, faults = tokenize(text)
        assert len(tokens.kinds) <= MAX_TOKENS + 1
        assert tokens.kinds[-1] == END
        assert [fault.summary for fault in faults if "too long" in fault.summary] in (
            [],
            ["the text is too long"],
        )
    assert tokenize_template(part * MAX_TOKENS)[0].kinds[-1] == END


def test_a_text_that_is_too_long_has_no_tokens() -> None:
    tokens, (fault,) = tokenize("1\n" * MAX_TOKENS)
    assert tokens.kinds == [END]
    assert fault.summary == "the text is too long"
    assert fault.start == MAX_TOKENS


@pytest.mark.parametrize("text", ["@" * 1000, '"' + "a\n" * 1000])
def test_after_many_faults_nobody_reads_on(text: str) -> None:
    tokens, faults = tokenize(text)
    assert len(faults) == MAX_BAD
    assert tokens.kinds[-1] == END

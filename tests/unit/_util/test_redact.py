"""What may be shown of texts."""

from __future__ import annotations

import pytest

from bakex._util.redact import redact_text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2hunter2",
        "basic hunter2hunter2==",
        "GET /x?sig=hunter2hunter2&y",
        "X-Amz-Signature=hunter2hunter2",
        "X-Goog-Credential=hunter2hunter2",
        "refresh_token=hunter2hunter2",
        "https://user:hunter2hunter2@host/x",
    ],
)
def test_texts_lose_what_looks_like_a_secret(text: str) -> None:
    assert "hunter2" not in redact_text(text)


def test_given_secrets_are_masked_the_longest_first() -> None:
    assert redact_text("abcd abc", ["abc", "abcd", ""]) == "*** ***"


def test_ordinary_text_stays() -> None:
    text = "basic authentication or bearer tokens: the basic plan, token expired"
    assert redact_text(text) == text

"""What may be shown of URLs, headers and texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex._util.redact import redact_headers, redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/v2/app", "https://host/v2/app"),
        ("https://user:hunter2@host:5000/x", "https://host:5000/x"),
        ("https://s3/x?X-Amz-Signature=abc&y=1#frag", "https://s3/x?X-Amz-Signature=***&y=***"),
        ("https://[broken", "***"),
        ("/path?token=abc", "/path?token=***"),
    ],
)
def test_urls_lose_credentials(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(st.text())
def test_any_text_can_be_redacted_as_a_url(text: str) -> None:
    redact_url(text)


def test_only_known_headers_are_shown() -> None:
    headers = {"Content-Type": "text/plain", "Authorization": "Basic eA==", "Set-Cookie": "a=b"}
    assert redact_headers(headers) == {
        "Content-Type": "text/plain",
        "Authorization": "***",
        "Set-Cookie": "***",
    }


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

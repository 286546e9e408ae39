from __future__ import annotations

import pytest

from bakex.model.remote import is_git_over_ssh, is_remote


@pytest.mark.parametrize(
    ("text", "remote", "ssh"),
    [
        ("https://host/x.git#main", True, False),
        ("http://host/x", True, False),
        ("git://host/x", True, False),
        ("ssh://git@host/x", True, True),
        ("git@github.com:a/b.git", True, True),
        ("user@host://../dir", True, True),
        ("github.com/a/b", True, False),
        ("HTTPS://host/x.git?a=b", True, False),
        ("HTTPS://host/x", False, False),
        ("SSH://host/x", True, True),
        ("https://", True, False),
        ("ftp://host/x.git", False, False),
        ("git@host:a\nb", False, False),
        (".", False, False),
        ("./github.com/a", False, False),
        ("../x", False, False),
        ("docker-image://x", False, False),
        ("target:base", False, False),
        ("a/b", False, False),
    ],
)
def test_remote(text: str, *, remote: bool, ssh: bool) -> None:
    assert is_remote(text) is remote
    assert is_git_over_ssh(text) is ssh

"""A user name and password, or an identity token."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bakex.interfaces import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Implements `bakex.interfaces.Credentials`; `repr` shows neither name nor secret.

    Attributes:
        is_bearer: The secret is a token for the registry itself, to be sent as it is.
    """

    username: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    is_token: bool = False
    is_bearer: bool = False


def basic(credentials: Credentials) -> str:
    """Return the value of an Authorization header for Basic authentication."""
    pair = f"{credentials.username}:{credentials.secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()

"""The catalogue that bakex ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.api.platforms import catalogue
from bakex.config import load

if TYPE_CHECKING:
    from bakex.platforms.catalogue import Catalogue


@pytest.fixture(scope="session")
def known() -> Catalogue:
    return catalogue(load({}))

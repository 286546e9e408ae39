from __future__ import annotations

from bakex.api.platforms import shipped
from bakex.platforms.schema import schemas


def test_the_files_are_what_the_declarations_say() -> None:
    for name, text in schemas().items():
        assert (shipped() / name).read_text() == text, f"write platforms/{name} again"

"""`python -m bakex` is `bakex`."""

from __future__ import annotations

import sys

from bakex.cli.main import program

if __name__ == "__main__":
    sys.exit(program())

"""The version, alone, so that `bakex --version` and the build read it cheaply."""

__version__ = "0.1.0"

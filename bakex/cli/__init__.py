"""The command line: parses, calls `bakex.api`, prints, returns a code."""

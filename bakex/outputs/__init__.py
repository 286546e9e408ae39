"""One exporter per kind of output."""

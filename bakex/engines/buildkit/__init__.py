"""The BuildKit engine: a client of its gRPC API."""

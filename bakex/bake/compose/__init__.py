"""Compose files as bake definitions: services with ``build`` are targets (specification 4)."""

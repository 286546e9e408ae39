"""Targets and nodes in, a plan out. Pure."""

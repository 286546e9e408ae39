"""Bake files: text in, targets out."""

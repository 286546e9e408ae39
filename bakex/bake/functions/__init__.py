"""The standard functions of bake files."""

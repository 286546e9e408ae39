"""The language of bake files: text to syntax tree, syntax tree to values."""

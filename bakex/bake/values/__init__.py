"""The values of bake files: types, conversion, comparison, text forms."""

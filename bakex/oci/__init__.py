"""Content: stores, copying, assembly."""

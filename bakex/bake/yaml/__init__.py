"""YAML documents as trees of nodes that know their places; no knowledge of what they mean."""

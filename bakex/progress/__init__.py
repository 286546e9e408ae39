"""Events to screens."""

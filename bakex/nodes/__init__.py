"""How a daemon is found, started and reached."""

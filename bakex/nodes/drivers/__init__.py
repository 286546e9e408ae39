"""Daemons whose life bakex looks after."""

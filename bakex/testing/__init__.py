"""Fakes and checkers for the seams; public."""

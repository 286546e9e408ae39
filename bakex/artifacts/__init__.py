"""Artifacts: files that are kept beside images, as SBOMs, signatures and results of tests."""

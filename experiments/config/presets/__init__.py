"""Presets: from a few names to every number of a run."""

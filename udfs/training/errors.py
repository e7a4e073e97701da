"""What is wrong with a manifest, a recipe or a table, and what to do."""

from __future__ import annotations


class TrainingError(ValueError):
    """One line for whoever gave the input: which file, what is wrong, the remedy."""

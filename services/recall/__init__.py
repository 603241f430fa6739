"""Recall: a few hundred candidates from several channels at once."""

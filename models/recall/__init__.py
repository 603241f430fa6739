"""Recall models: what is fitted, and plain functions to compare with."""

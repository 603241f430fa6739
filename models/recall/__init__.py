"""Recall models: two-tower, itemCF, popular."""

"""Rerank: the final list, by diversity and business rules."""

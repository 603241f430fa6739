"""Collects the facts about a stack. Nothing here changes anything, nor judges."""

"""Lanes: a release and an arm of its users, with guards, batches and counts of their own."""

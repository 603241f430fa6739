"""Recall channels, one a file; `pipeline.py` lists those that run."""

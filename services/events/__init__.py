"""Reads the log of events and requests: counts, statistics of items, Parquet files."""

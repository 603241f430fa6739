"""Reads a stack that runs, or does not start, and says what is wrong with it and what to do."""

"""Interaction data: getting it, importing it, and the one format that training reads."""


class DataError(Exception):
    """Data that cannot be used; the message says what is wrong and where, in one line."""

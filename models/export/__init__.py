"""Torch models to files of a release."""


class ExportError(Exception):
    """A release that cannot be made; the message says why."""

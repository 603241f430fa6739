"""Offline evaluation: splits, metrics, intervals, and the table of what each stage loses."""


class EvaluationError(Exception):
    """What was asked for cannot be evaluated; the message says why."""

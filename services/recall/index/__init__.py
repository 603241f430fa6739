"""Nearest-neighbour search over the item vectors of a release."""

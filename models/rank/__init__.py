"""The rank model."""

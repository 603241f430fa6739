"""The prerank model."""

"""The gateway: the public API, and the funnel that asks the stages one after the other."""

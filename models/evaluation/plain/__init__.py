"""Plain models on plain interactions: published splits run as they are."""

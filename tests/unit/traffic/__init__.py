"""Traffic: who is served by what."""

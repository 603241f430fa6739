"""How the gateway asks a stage: in time, in batches, and no more than it can bear."""

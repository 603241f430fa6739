"""Whether serving and training see the same: the served log, computed again."""

"""The stack as its users start it: child processes of `recstack up`."""

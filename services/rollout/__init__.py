"""Brings a release to all users by steps, and takes it back when it is worse."""

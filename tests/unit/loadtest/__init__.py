"""The load generator, without a server."""

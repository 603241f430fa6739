"""The services of the stack: a folder with __main__.py is a service."""

"""The public calls as JSON over HTTP."""

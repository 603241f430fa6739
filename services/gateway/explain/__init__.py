"""How a list came to be: from the trace of a request to what people read."""

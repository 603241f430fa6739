"""A simulated world whose truth is known: people, items, and what people do. Nobody's data."""

"""The vocabulary of the funnel: standard library and numpy only."""

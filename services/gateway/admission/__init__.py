"""Who is let in: an adaptive limit on the calls in flight, priorities, a rate for each client."""

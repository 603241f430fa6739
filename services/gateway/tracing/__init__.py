"""The gateway's spans: a request's way through the funnel, and the calls that serve it."""

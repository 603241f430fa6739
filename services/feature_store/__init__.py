"""All state of users, on Redis: profile, history, what was seen, which events are known."""

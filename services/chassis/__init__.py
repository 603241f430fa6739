"""Process plumbing of every service; no word about recommendation."""

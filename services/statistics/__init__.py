"""What happened to items lately: decayed counts, their features, and the published snapshot."""

"""The demonstration of canaries: good and bad releases are rolled out to simulated people."""

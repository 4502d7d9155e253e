"""Recipients: what persons have said about being written to."""

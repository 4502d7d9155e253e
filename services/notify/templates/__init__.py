"""Templates: what notifications say, in each language."""

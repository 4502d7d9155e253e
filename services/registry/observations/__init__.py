"""Observations: what stands in the way or was learned, put before a body that answers."""

"""Obstacles: what stands between the two of a pair now that one of them has changed."""

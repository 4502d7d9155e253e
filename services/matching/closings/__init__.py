"""Closings: the talk at the end of a tandem, and what others can learn from it."""

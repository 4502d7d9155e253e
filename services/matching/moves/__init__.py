"""Moves: a mentor, a mentor group or a household goes on in another district."""

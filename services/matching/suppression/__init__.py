"""Suppression: which counts of a table stay hidden, so that nobody is counted out of it."""

"""Persons: what is said to mentors and households and by which links, and what follows when one is erased."""

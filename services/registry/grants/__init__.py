"""Grants: which principal may act in which role, and where."""

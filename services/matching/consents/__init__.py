"""Consents: what a person agreed to, for one purpose each, and what stops when they take it back."""

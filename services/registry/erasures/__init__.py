"""Erasures: a person is erased in all four services, with one receipt."""

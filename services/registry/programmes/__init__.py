"""Programmes: what tandems and mentor groups are accompanied under, with rule sets that hold for a time."""

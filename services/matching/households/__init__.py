"""Households: one person or a family who is accompanied."""

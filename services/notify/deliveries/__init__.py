"""Deliveries: each notification on its way to one person."""

"""Offers: what partners have for people who arrive."""

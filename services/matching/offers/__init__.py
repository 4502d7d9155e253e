"""Offers: the copies of what partners offer, to which somebody may be referred."""

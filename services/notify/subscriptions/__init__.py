"""Subscriptions: who wants to hear of new offers and events."""

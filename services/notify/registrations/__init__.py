"""Registrations: who is registered for which event, as far as notify was told."""

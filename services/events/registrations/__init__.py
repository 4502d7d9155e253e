"""Registrations: parties that want to attend an event, and the list on which they wait."""

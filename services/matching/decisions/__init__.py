"""Decisions: who decided what about a mentor, a group, a household or a tandem, when and why."""

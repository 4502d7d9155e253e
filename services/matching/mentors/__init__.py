"""Mentors: people who accompany a household by themselves."""

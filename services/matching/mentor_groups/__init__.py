"""Mentor groups: several people who take in a household together under a programme."""

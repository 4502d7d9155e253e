"""Consultations: advice to people and groups who help, planned and held."""

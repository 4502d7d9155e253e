"""Weights: how much each criterion counts in a programme's runs; changed only by a new version."""

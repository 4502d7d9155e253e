"""Indicators: figures with a target and a deadline, computed live from facts."""

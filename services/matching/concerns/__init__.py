"""Concerns: what somebody raises about a tandem, or being in none; only the neutral contact reads them."""

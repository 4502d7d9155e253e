"""Concerns: what somebody raises about a tandem; only the neutral contact reads them."""

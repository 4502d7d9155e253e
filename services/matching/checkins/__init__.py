"""Check-ins: each side of a tandem is asked separately how it goes."""

"""A year of arrivals, played with one way of matching after the other: what looking ahead is worth; a library."""

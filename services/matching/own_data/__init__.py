"""Own data: what is stored about a person, as they themselves may read it."""

"""Partners: the organisations of the network."""

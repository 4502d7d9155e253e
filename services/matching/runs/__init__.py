"""A run: the whole pool matched at once, exactly, with a certificate and a reason for every proposal."""

"""Bodies: the committees, councils and authorities that observations are put before."""

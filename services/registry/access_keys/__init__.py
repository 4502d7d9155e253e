"""Access keys: how partner organisations' systems and the first operator come in."""

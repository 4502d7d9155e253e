"""The code lists that more than one service speaks, with German and English labels as data."""

"""The bus's server: its settings, and who may say and hear what on it."""

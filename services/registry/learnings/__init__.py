"""Learnings: what closed tandems teach others, as matching captured it."""

"""Assurances: partners confirm that their offers still hold, with one click from a mail."""

"""Pauses: who takes in nobody new for a while, or for whom nobody is looked for; by choice or for somebody's safety."""

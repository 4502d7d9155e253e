"""Counselling figures: contacts, cases and minutes as funders ask for them, in which nobody can be counted out."""

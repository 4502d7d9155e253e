"""Counselling contacts: that somebody was counselled, when, for how long, about what, and what came of it."""

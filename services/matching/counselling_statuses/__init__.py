"""Counselling statuses: what is known of somebody's situation, since when; what was true on a day."""

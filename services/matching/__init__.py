"""Matching: mentors, mentor groups and households, who suits whom, and how each tandem fares.

It owns the pool, the runs and their proposals, tandems with check-ins and concerns, and the names of those people.
"""

"""Profiles: what mentors, mentor groups and households say of themselves, in the codes that matching reads."""

"""Counselling cases: somebody whom a partner's counsellors accompany with advice, from opening to result."""

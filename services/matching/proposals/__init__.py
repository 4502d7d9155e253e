"""Proposals: a mentor or group and a household that could go together, and how both sides decide."""

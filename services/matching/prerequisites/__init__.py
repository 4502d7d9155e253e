"""Prerequisites: what a rule set demands before a mentor group is ready, and how far the group is."""

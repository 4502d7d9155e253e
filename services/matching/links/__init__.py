"""Links: what mentors and households can do without an account, and the small pages that say so in their language."""

"""Members: the persons who make up a mentor group."""

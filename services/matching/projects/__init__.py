"""Projects: the copies of funded projects that tandems may count for."""

"""Projects as events knows them: for whose figures an event may count."""

"""Partners as events knows them: who may organise."""

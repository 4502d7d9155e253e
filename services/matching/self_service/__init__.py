"""Self-service: people see and change by their link what is stored about them, and end it."""

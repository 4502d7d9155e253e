"""Options: whom a household could be proposed to right now, the best first, without waiting for a run."""

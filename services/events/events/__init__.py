"""Events: what people attend, when and where, and how many have room."""

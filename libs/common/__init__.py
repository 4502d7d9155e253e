"""What all four services need alike, and the language in which they tell each other what happened."""

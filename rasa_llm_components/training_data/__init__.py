"""A bot's training examples, where they stand in its files, and what is wrong with them."""

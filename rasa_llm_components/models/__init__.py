"""The transformers: encoders, text generators, and where their weights come from. Knows nothing of Rasa."""

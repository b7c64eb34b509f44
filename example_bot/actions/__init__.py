"""The shop's actions: what `rasa run actions` serves."""

"""Fine-tuning of an encoder's top layers for a bot's intents: one file a method, named with its paper."""

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert")
"""Encoders (`config.model_type`) whose layers can be tuned."""

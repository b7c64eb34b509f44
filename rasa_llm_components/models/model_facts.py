"""The few facts about an encoder that its readers ask for; they fit into a JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelFacts:
    """Sizes and kinds.

    Attributes:
        hidden: numbers in a token's state.
        layers: how many a text passes.
        max_tokens: the model takes at once.
        family: Hugging Face's `model_type`.
        activation: Hugging Face's `hidden_act`.
        padding: id of the token that fills up a batch.
        unknown: id of the token that stands for what the vocabulary lacks, if there is one.
    """

    hidden: int
    layers: int
    max_tokens: int
    family: str
    activation: str
    padding: int
    unknown: int | None

    @classmethod
    def of(cls, config: Any, tokenizer: Any) -> ModelFacts:
        """From transformers' configuration and tokenizer."""
        return cls(
            hidden=config.hidden_size,
            layers=config.num_hidden_layers,
            max_tokens=_longest_input(config, tokenizer),
            family=config.model_type,
            activation=getattr(config, "hidden_act", ""),
            padding=tokenizer.pad_token_id or 0,
            unknown=tokenizer.unk_token_id,
        )


def _longest_input(config: Any, tokenizer: Any) -> int:
    """Tokens the model takes at once; RoBERTa's family keeps two positions for itself."""
    positions = getattr(config, "max_position_embeddings", 512) or 512
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2
    return int(min(positions, tokenizer.model_max_length, 8192))

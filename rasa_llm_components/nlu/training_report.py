"""What the training log says of a bot's examples, so that a developer can mend them."""

from __future__ import annotations

import logging

from rasa_llm_components.models.intent_head import HeldOut, thin_classes

logger = logging.getLogger(__name__)

_THIN = 5
_OVERLAP = 0.05


def report_examples(labels: list[str], classes: list[str], temperature: float, held_out: HeldOut) -> None:
    """Logs what a developer can mend in the training data."""
    thin = thin_classes(labels, _THIN)
    if thin:
        listed = ", ".join(f"{intent} ({count})" for intent, count in thin.items())
        logger.warning(f"Intents with fewer than {_THIN} examples; a few more would help: {listed}")
    if not len(held_out.labels):
        logger.warning("Every intent has one example only: the confidences could not be calibrated.")
        return
    logger.info(
        f"{len(labels)} examples of {len(classes)} intents;"
        f" {held_out.accuracy:.0%} of held-out examples right; temperature {temperature:.2f}"
    )
    pairs = held_out.confusable_pairs(classes)
    listed = "; ".join(f"{one} and {other} ({share:.0%})" for one, other, share in pairs if share >= _OVERLAP)
    if listed:
        logger.warning(f"Intents that overlap, and the share of probability they take from each other: {listed}")

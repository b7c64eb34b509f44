"""The answer is about the question: not further from it than the sentence that would be quoted instead."""

from __future__ import annotations

import numpy as np

from rasa_llm_components.models.protocols import SentenceEncoder

MARGIN = 0.1
"""How much further from the question than the quotation an answer may be, in cosine."""


def check_topic(text: str, question: str, reference: str, encoder: SentenceEncoder) -> str:
    """How far the text has gone from the question; empty when it has not, or nothing is there to compare with."""
    if not reference:
        return ""
    asked, said, quoted = (encoder.encode([part])[0] for part in (question, text, reference))
    nearness, wanted = float(np.dot(asked, said)), float(np.dot(asked, quoted)) - MARGIN
    return f"cosine {nearness:.2f} to the question, {wanted:.2f} wanted" if nearness < wanted else ""

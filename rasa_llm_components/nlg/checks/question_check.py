"""The reply answers the question: as near to it, and with as many of its words, as the sentences quoted otherwise.

A generator given two sentences may take the one beside the answer ("Without wrapping, the card costs €1.50"): true,
and no answer. What the quotation reaches is the yardstick, since no cosine means the same for every question.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.nlg.checks.words import shared_part

MARGIN = 0.1
"""How much further from the question than the quotation a reply may be, in cosine."""


def check_question(text: str, questions: Sequence[str], quoted: Sequence[str], encoder: SentenceEncoder) -> str:
    """How the text falls short of the quotation; empty when it does not, or nothing is there to compare with.

    Args:
        text: the reply.
        questions: the customer's message, and the questions within it: what else it says does not count. The one
            that the quotation is nearest to is the one that is answered.
        quoted: the sentences that would be quoted instead.
        encoder: measures nearness.

    Raises:
        EncodingError: the encoder behind an endpoint does not answer.
    """
    if not quoted:
        return ""
    whole = " ".join(quoted)
    texts = list(dict.fromkeys([*questions, text, *quoted, whole]))
    vectors = {each: encoder.encode([each])[0] for each in texts}  # one by one: the cache holds some

    def nearness(question: str, said: str) -> float:
        return float(np.dot(vectors[question], vectors[said]))

    question, best = max(((q, s) for q in questions for s in quoted), key=lambda pair: nearness(*pair))
    least = max(nearness(question, best), nearness(question, whole)) - MARGIN
    if nearness(question, text) < least:
        return f"cosine {nearness(question, text):.2f} to the question, {least:.2f} wanted"
    shared, wanted = shared_part(question, text), shared_part(question, best)
    return f"{shared:.0%} of the question's words, {wanted:.0%} wanted" if shared < wanted else ""

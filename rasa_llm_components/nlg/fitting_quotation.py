"""The quotation for a question, or a better one where the first speaks past the question's names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rasa_llm_components.knowledge import Quotation, SearchResult
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.nlg.asked_names import AskedNames
from rasa_llm_components.nlg.checks.question_check import MARGIN


def fitting_quotation(
    quotation: Quotation, question: str, result: SearchResult, names: AskedNames, encoder: SentenceEncoder
) -> Quotation | None:
    """The quotation, or the sentence that says the same of the name that was asked about.

    Args:
        quotation: of the knowledge base.
        question: the customer's own words.
        result: the search, whose question may be the completed one.
        names: of the documents.
        encoder: measures nearness to the question.

    Returns:
        None when no sentence of the passages found speaks of the right name and as near to the question.

    Raises:
        EncodingError: the encoder behind an endpoint does not answer.
    """
    questions, headings = (question, result.question), quotation.passage.heading_path
    missed = names.missed(questions, quotation.text, headings)
    if not missed and not names.only_covered(questions, quotation.text, headings):
        return _specific(quotation, questions, names)
    groups = list(_candidates(quotation, questions, result, names))[: None if missed else 1]
    texts = [result.question, quotation.text, *(sentence for group in groups for sentence, _ in group)]
    vectors = dict(zip(texts, encoder.encode(texts)))
    asked = vectors[result.question]
    least = float(np.dot(asked, vectors[quotation.text])) - MARGIN
    for group in groups:
        near = [(float(np.dot(asked, vectors[sentence])), sentence, passage) for sentence, passage in group]
        if near and (best := max(near, key=lambda candidate: candidate[0]))[0] >= least:
            return Quotation((best[1],), best[2], min(quotation.score, best[0]))
    return None if missed else quotation


def _specific(quotation: Quotation, questions: Sequence[str], names: AskedNames) -> Quotation:
    """Of two sentences of which one speaks past the question only the other."""
    headings = quotation.passage.heading_path
    fitting = [s for s in quotation.sentences if not names.missed(questions, s, headings)]
    holding = [s for s in fitting if names.holds(questions, s)]
    if not holding or len(fitting) == len(quotation.sentences):
        return quotation
    return Quotation(tuple(fitting), quotation.passage, quotation.score)


def _candidates(
    quotation: Quotation, questions: Sequence[str], result: SearchResult, names: AskedNames
) -> Iterator[list[tuple[str, Passage]]]:
    """Sentences that may be quoted instead, the most telling group first."""
    passages = dict.fromkeys([quotation.passage, *(found.passage for found in result.passages)])
    for passage in passages:
        headings = passage.heading_path
        fitting = [s for s in passage.sentences if not names.missed(questions, s, headings)]
        yield [(s, passage) for s in fitting if names.holds(questions, s, headings)]
        if passage == quotation.passage:
            yield [(s, passage) for s in fitting if s in quotation.sentences]

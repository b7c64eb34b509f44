"""Every sentence of an answer has a source in the passages that passes all checks of facts."""

from __future__ import annotations

from collections.abc import Callable

from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.nlg.checks.check_result import CheckResult
from rasa_llm_components.nlg.checks.draft import Draft
from rasa_llm_components.nlg.checks.names_check import check_names
from rasa_llm_components.nlg.checks.nearness_check import check_nearness
from rasa_llm_components.nlg.checks.negation_check import check_meaning, check_negation
from rasa_llm_components.nlg.checks.numbers_check import check_numbers
from rasa_llm_components.nlg.checks.persons_check import check_persons
from rasa_llm_components.nlg.checks.sources import Source, sources_of

FACT_CHECKS: dict[str, Callable[[str, Source, float], str]] = {
    "numbers": lambda sentence, source, least: check_numbers(sentence, source),
    "names": lambda sentence, source, least: check_names(sentence, source),
    "negation": lambda sentence, source, least: check_negation(sentence, source),
    "meaning": lambda sentence, source, least: check_meaning(sentence, source),
    "persons": lambda sentence, source, least: check_persons(sentence, source),
    "nearness": check_nearness,
}
"""Each says what is wrong between one sentence, one source and the least cosine; empty for nothing."""


def check_support(draft: Draft) -> tuple[list[CheckResult], list[Source]]:
    """Looks for a source of every sentence.

    Returns:
        one result for each check of facts, and the source of each sentence that has one.
    """
    sentences = split_sentences(draft.text)
    if not sentences or not draft.passages:
        return [CheckResult(name, "nothing to check") for name in FACT_CHECKS], []
    problems: dict[str, str] = {}
    used: list[Source] = []
    for sentence, sources in zip(sentences, sources_of(sentences, draft.passages, draft.encoder)):
        source, found = _best(sentence, sources, draft.nearness)
        if not found:
            used.append(source)
        for name, reason in found.items():
            problems.setdefault(name, f"{reason}: {sentence!r}")
    return [CheckResult(name, problems.get(name, "")) for name in FACT_CHECKS], used


def _best(sentence: str, sources: list[Source], least: float) -> tuple[Source, dict[str, str]]:
    """The first source without a problem, or the nearest with its problems."""
    judged = []
    for source in sources:
        reasons = {name: check(sentence, source, least) for name, check in FACT_CHECKS.items()}
        judged.append((source, {name: reason for name, reason in reasons.items() if reason}))
    return next((pair for pair in judged if not pair[1]), judged[0])

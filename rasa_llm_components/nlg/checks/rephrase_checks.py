"""All checks of a rephrased response: the same facts, nothing promised that was not there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.nlg.checks.check_result import CheckResult
from rasa_llm_components.nlg.checks.language_check import check_language
from rasa_llm_components.nlg.checks.leak_check import check_leak
from rasa_llm_components.nlg.checks.length_check import check_length
from rasa_llm_components.nlg.checks.names import addresses, holds_name, names
from rasa_llm_components.nlg.checks.persons_check import OWNED, changed_person
from rasa_llm_components.nlg.checks.phrases_check import check_phrases
from rasa_llm_components.nlg.checks.polarity import is_negated, limits, turning_words
from rasa_llm_components.nlg.checks.quantities import quantities
from rasa_llm_components.nlg.checks.words import content_words

NEARNESS = 0.75
"""Cosine between the two texts, at least."""
NEW_WORDS = 0.34
"""Share of content words that the response did not have, at most; words of courtesy are free."""
_COURTESY = (
    "thank thanks please happy glad great sure hello hi welcome sorry help course wonderful lovely kindly"
    " appreciate pleasure good news gladly cheers absolutely certainly let know feel assist patience"
    " 谢谢 请 您好 你好 感谢 欢迎 高兴 乐意 抱歉 帮 帮助 您 好的 当然"
)
_PLACEHOLDER = re.compile(r"\{[^{}\n]+\}")


def check_rephrasing(
    text: str,
    original: str,
    *,
    slot_values: Iterable[str],
    instructions: str,
    banned_phrases: Iterable[str],
    encoder: SentenceEncoder,
) -> list[CheckResult]:
    """Runs every check; the text may be sent when all are passed.

    Args:
        text: the rephrased response.
        original: the response, its slots filled in.
        slot_values: values of the conversation's slots; those in `original` must be in `text` as they stand.
        instructions: the prompt's own part.
        banned_phrases: never to be sent.
        encoder: measures nearness.
    """
    results = [
        CheckResult("length", check_length(text, 2 * len(original) + 60)),
        CheckResult("language", check_language(text, original)),
        CheckResult("phrases", check_phrases(text, banned_phrases, original)),
        CheckResult("leak", check_leak(text, instructions, original)),
        CheckResult("numbers", _numbers(text, original)),
        CheckResult("verbatim", _verbatim(text, original, slot_values)),
        CheckResult("names", _names(text, original)),
        CheckResult("negation", _polarity(text, original)),
        CheckResult("persons", changed_person(text, original) or _new_owner(text, original)),
        CheckResult("question", "" if _asks(text) == _asks(original) else "a question more or less"),
        CheckResult("new words", _new_words(text, original)),
    ]
    if all(result.passed for result in results):
        said, meant = encoder.encode([text, original])
        nearness = float(np.dot(said, meant))
        results.append(CheckResult("nearness", f"cosine {nearness:.2f}" if nearness < NEARNESS else ""))
    return results


def _numbers(text: str, original: str) -> str:
    said, meant = (Counter((q.value, q.unit) for q in quantities(part)) for part in (text, original))
    return "" if said == meant else f"numbers {sorted(said)} for {sorted(meant)}"


def _verbatim(text: str, original: str, slot_values: Iterable[str]) -> str:
    kept = [*addresses(original), *_PLACEHOLDER.findall(original)]
    kept += [value for value in slot_values if value.strip() and value in original]
    missing = next((part for part in kept if part not in text), "")
    if missing:
        return f"{missing!r} is gone"
    added = next((part for part in [*addresses(text), *_PLACEHOLDER.findall(text)] if part not in original), "")
    return f"{added!r} is new" if added else ""


def _names(text: str, original: str) -> str:
    for name in names(original):
        if not holds_name(text, name):
            return f"the name {name} is gone"
    return next((f"the name {name} is new" for name in names(text) if not holds_name(original, name)), "")


def _polarity(text: str, original: str) -> str:
    if is_negated(text) != is_negated(original):
        return "one of the two says no"
    if limits(text) != limits(original):
        return "a limit differs"
    differing = turning_words(text) ^ turning_words(original)
    return f"{', '.join(sorted(differing))} in one of the two" if differing else ""


def _new_owner(text: str, original: str) -> str:
    """`a colleague` must not become `your colleague`."""
    meant = original.lower()
    for person, what in OWNED.findall(text.lower()):
        if re.search(rf"\b(?:a|an|the)\s+{what}\b", meant) and f"{person} {what}" not in meant:
            return f"{person} {what} is new"
    return ""


def _asks(text: str) -> int:
    return sum(sentence.rstrip().endswith(("?", "？")) for sentence in split_sentences(text))


def _new_words(text: str, original: str) -> str:
    said = content_words(text)
    free = set(content_words(original)) | set(content_words(_COURTESY))
    new = [word for word in said if word not in free]
    return f"new words: {', '.join(new)}" if len(new) > NEW_WORDS * len(said) else ""

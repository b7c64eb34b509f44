"""All checks of a generated answer."""

from __future__ import annotations

from rasa_llm_components.nlg.checks.check_result import CheckResult
from rasa_llm_components.nlg.checks.draft import Draft
from rasa_llm_components.nlg.checks.language_check import check_language
from rasa_llm_components.nlg.checks.leak_check import check_leak
from rasa_llm_components.nlg.checks.length_check import check_length
from rasa_llm_components.nlg.checks.phrases_check import check_phrases
from rasa_llm_components.nlg.checks.question_check import check_question
from rasa_llm_components.nlg.checks.sources import Source
from rasa_llm_components.nlg.checks.statements_check import check_statements
from rasa_llm_components.nlg.checks.support_check import check_support


def check_answer(draft: Draft) -> tuple[list[CheckResult], list[Source]]:
    """Runs every check.

    Returns:
        one result a check, and the sources of the supported sentences. The draft may be sent when all are passed.

    Raises:
        EncodingError: the encoder behind an endpoint does not answer.
    """
    passages = "\n".join(f"{passage.heading_path}\n{passage.text}" for passage in draft.passages)
    results = [
        CheckResult("length", check_length(draft.text, draft.longest)),
        CheckResult("language", check_language(draft.text, draft.question)),
        CheckResult("phrases", check_phrases(draft.text, draft.banned_phrases, passages)),
        CheckResult("leak", check_leak(draft.text, draft.instructions, passages)),
        CheckResult("statements", check_statements(draft.text, passages)),
    ]
    if not all(result.passed for result in results):
        return results, []  # the checks below cost a forward pass
    support, sources = check_support(draft)
    answers = check_question(draft.text, (draft.question, *draft.within), draft.quoted, draft.encoder)
    return [*results, *support, CheckResult("answers the question", answers)], sources

"""What comes of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rasa_llm_components.knowledge.search_result import SearchResult
from rasa_llm_components.nlg.checks.check_result import CheckResult


@dataclass(frozen=True)
class AnswerSource:
    """Where an answer comes from.

    Attributes:
        title: of the document.
        link: where a customer can read it; empty when the document names none.
    """

    title: str
    link: str


@dataclass(frozen=True)
class Answer:
    """The answer to a question, and how it came about.

    Attributes:
        text: what to send; empty when declined.
        source: of `text`; None when declined.
        how: written by the generator and checked, quoted from a passage, or declined.
        checks: what the checks said of the generated text; empty when nothing was generated.
        search: what was found, for the question as it was completed; None when the search itself failed.
        seconds: from the question to the answer.
        generated: what the generator wrote, sent or not.
        reason: why nothing was generated, or nothing answered; empty otherwise.
    """

    text: str
    source: AnswerSource | None
    how: Literal["generated", "quoted", "declined"]
    checks: tuple[CheckResult, ...]
    search: SearchResult | None
    seconds: float
    generated: str = ""
    reason: str = ""

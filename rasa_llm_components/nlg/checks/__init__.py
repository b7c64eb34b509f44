"""What stands between a text generator and the customer. Each check is a small file of its own."""

from rasa_llm_components.nlg.checks.answer_checks import check_answer
from rasa_llm_components.nlg.checks.check_result import CheckResult
from rasa_llm_components.nlg.checks.draft import Draft
from rasa_llm_components.nlg.checks.rephrase_checks import check_rephrasing

__all__ = ["CheckResult", "Draft", "check_answer", "check_rephrasing"]

"""Documents in a folder -> passages -> search that knows when to answer. Knows nothing of Rasa."""

from rasa_llm_components.knowledge.knowledge_base import KnowledgeBase
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.knowledge.search_result import FoundPassage, Quotation, SearchResult
from rasa_llm_components.spacy_without_torch import keep_spacy_from_torch

__all__ = ["FoundPassage", "KnowledgeBase", "Passage", "Quotation", "SearchResult"]

keep_spacy_from_torch()

"""The documents of a bot: what stands in them about a question, and whether that answers it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.knowledge.folder import LARGEST_FILE_MB, read_folder
from rasa_llm_components.knowledge.keyword_index import KeywordIndex
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.knowledge.search_result import FoundPassage, Quotation, SearchResult
from rasa_llm_components.knowledge.splitting import LONGEST_PASSAGE, split_documents
from rasa_llm_components.knowledge.vector_cache import VectorCache
from rasa_llm_components.models.protocols import SentenceEncoder

__all__ = ["FoundPassage", "KnowledgeBase", "Passage", "Quotation", "SearchResult"]

DEFAULT_THRESHOLD = 0.4


class KnowledgeBase:
    """Passages, their vectors and their words."""

    def __init__(
        self,
        passages: Sequence[Passage],
        encoder: SentenceEncoder,
        *,
        cache: VectorCache,
        threshold: float,
    ) -> None:
        """Embeds and indexes the passages. Use `from_folder` or `from_passages`."""
        self.passages: Sequence[Passage] = tuple(passages)
        self.threshold = threshold
        self._encoder = encoder
        self.fingerprint = _fingerprint(self.passages, encoder, threshold)
        self._owner = np.repeat(np.arange(len(passages)), [len(passage.sentences) for passage in passages])
        self._first_sentence = np.searchsorted(self._owner, np.arange(len(passages)))
        texts = [_context(passage) + passage.text for passage in passages]
        sentences = [sentence for passage in passages for sentence in passage.sentences]
        vectors = cache.encode([*texts, *sentences], encoder)
        self._passage_vectors, self._sentence_vectors = vectors[: len(texts)], vectors[len(texts) :]
        self._keywords = KeywordIndex(texts)

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        encoder: SentenceEncoder,
        *,
        cache_folder: str | Path | None = None,
        threshold: float | None = None,
        store: Any = None,
        longest_passage: int = LONGEST_PASSAGE,
        largest_file_mb: float = LARGEST_FILE_MB,
    ) -> KnowledgeBase:
        """Reads, cuts and embeds the documents of a folder.

        Raises:
            ConfigurationError: no such folder, nothing in it, or a CSV file without its columns.
        """
        documents = read_folder(folder, largest_file_mb=largest_file_mb)
        passages = split_documents(documents, longest=longest_passage)
        return cls.from_passages(passages, encoder, cache_folder=cache_folder, threshold=threshold, store=store)

    @classmethod
    def from_passages(
        cls,
        passages: Sequence[Passage],
        encoder: SentenceEncoder,
        *,
        cache_folder: str | Path | None = None,
        threshold: float | None = None,
        store: Any = None,
    ) -> KnowledgeBase:
        """Embeds passages that were made elsewhere.

        Raises:
            ConfigurationError: no passages.
        """
        if not passages:
            raise ConfigurationError("there is nothing to search.", component="knowledge", key="passages", value="[]")
        chosen = DEFAULT_THRESHOLD if threshold is None else threshold
        return cls(passages, encoder, cache=VectorCache(cache_folder), threshold=chosen)

    def search(self, question: str, *, limit: int = 3) -> SearchResult:
        """The passages nearest to a question, and whether the first answers it."""
        if not question.strip():
            return SearchResult(question, (), answerable=False, confidence=0.0)
        vector = self._encoder.encode([question], kind="query")[0]
        sentences = np.maximum.reduceat(self._sentence_vectors @ vector, self._first_sentence)
        keywords = self._keywords.scores(question)
        scores = 0.4 * (self._passage_vectors @ vector) + 0.4 * sentences + 0.2 * keywords / (keywords + 10.0)
        best = np.argsort(-scores, kind="stable")[:limit]
        found = tuple(FoundPassage(self.passages[row], float(np.clip(scores[row], 0, 1))) for row in best)
        confidence = found[0].score
        return SearchResult(question, found, answerable=confidence >= self.threshold, confidence=confidence)

    def quote(self, result: SearchResult, *, max_sentences: int = 2) -> Quotation | None:
        """The best sentences of the best passage, verbatim; None when it does not answer the question."""
        if not result.answerable:
            return None
        passage = result.passages[0].passage
        row = self.passages.index(passage)
        first = self._first_sentence[row]
        vector = self._encoder.encode([result.question], kind="query")[0]
        scores = self._sentence_vectors[first : first + len(passage.sentences)] @ vector
        best = np.argsort(-scores, kind="stable")[:max_sentences]
        chosen = sorted(index for index in best if scores[index] >= scores[best[0]] - 0.1)
        return Quotation(tuple(passage.sentences[index] for index in chosen), passage, float(scores[best[0]]))


def _context(passage: Passage) -> str:
    return f"{passage.heading_path}\n" if passage.heading_path else ""


def _fingerprint(passages: Sequence[Passage], encoder: SentenceEncoder, threshold: float) -> str:
    digest = hashlib.sha256(f"{encoder.fingerprint} {threshold}".encode())
    for passage in passages:
        digest.update(repr(passage).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]

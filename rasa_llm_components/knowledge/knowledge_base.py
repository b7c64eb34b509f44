"""The documents of a bot: what stands in them about a question, and whether that answers it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.knowledge import relevance
from rasa_llm_components.knowledge.embedding_cache import EmbeddingCache
from rasa_llm_components.knowledge.embeddings import Embeddings
from rasa_llm_components.knowledge.folder import LARGEST_FILE_MB, read_folder
from rasa_llm_components.knowledge.keyword_index import KeywordIndex
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.knowledge.passage_text import PassageText
from rasa_llm_components.knowledge.qdrant_store import make_store
from rasa_llm_components.knowledge.search_result import FoundPassage, Quotation, SearchResult
from rasa_llm_components.knowledge.sentences import is_chinese
from rasa_llm_components.knowledge.similarity import KINDS, ReadPassages, ReadQuestion
from rasa_llm_components.knowledge.splitting import LONGEST_PASSAGE, split_documents
from rasa_llm_components.knowledge.vector_store import InProcessStore, VectorStore
from rasa_llm_components.knowledge.yardstick import similarity_range
from rasa_llm_components.models.protocols import SentenceEncoder

__all__ = ["FoundPassage", "KnowledgeBase", "Passage", "Quotation", "SearchResult"]

CANDIDATES = 12
"""Passages that each of the quick searches (passages, sentences, BM25) puts forward for a closer look."""

_QUOTED_BESIDE_THE_BEST = 0.8
_QUESTION_MARKS = ("?", "？")
_LONGEST_QUESTION = 1000


class KnowledgeBase:
    """Passages, their vectors and their words."""

    def __init__(
        self,
        passages: Sequence[Passage],
        encoder: SentenceEncoder,
        *,
        cache_folder: str | Path | None = None,
        threshold: float | None = None,
        store: VectorStore | None = None,
    ) -> None:
        """Embeds and indexes the passages. Use `from_folder` or `from_passages`."""
        self.passages: Sequence[Passage] = tuple(passages)
        self.threshold = relevance.DEFAULT_THRESHOLD if threshold is None else _checked(threshold)
        self.fingerprint = _fingerprint(self.passages, encoder, self.threshold)
        self._encoder = encoder
        self._texts = [PassageText.of(passage) for passage in passages]
        self._read = ReadPassages(self._texts, self._embed(cache_folder))
        self._keywords = KeywordIndex([text.text for text in self._texts])
        chinese = sum(is_chinese(passage.text) for passage in passages) > len(passages) / 2
        self._unrelated, self._answered = similarity_range(encoder, chinese=chinese)
        self._vectors = store or InProcessStore()
        self._vectors.add(np.concatenate([self._read.passage_vectors, self._read.unit_vectors]), self.fingerprint)

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        encoder: SentenceEncoder,
        *,
        cache_folder: str | Path | None = None,
        threshold: float | None = None,
        store: Mapping[str, Any] | VectorStore | None = None,
        longest_passage: int = LONGEST_PASSAGE,
        largest_file_mb: float = LARGEST_FILE_MB,
    ) -> KnowledgeBase:
        """Reads, cuts and embeds the documents of a folder.

        Args:
            folder: with .md, .txt, .html, .pdf and .csv files, its subfolders too.
            encoder: gives the vectors.
            cache_folder: where embedded passages are kept for the next start; None keeps nothing.
            threshold: the confidence from which a question counts as answerable, 0 … 1.
            store: `{"url": …}` or `{"path": …}` of Qdrant, or a store; None searches in this process.
            longest_passage: characters of a passage at most.
            largest_file_mb: larger files are left out with a warning, in megabytes.

        Raises:
            ConfigurationError: no such folder, nothing in it, a CSV file without its columns, a
                threshold that is none, or a store that cannot be used.
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
        store: Mapping[str, Any] | VectorStore | None = None,
    ) -> KnowledgeBase:
        """Embeds passages that were made elsewhere; the arguments are those of `from_folder`.

        Raises:
            ConfigurationError: no passages, a threshold that is none, or a store that cannot be used.
        """
        if not passages:
            raise ConfigurationError("there is nothing to search.", component="knowledge", key="passages", value="[]")
        opened = make_store(store) if isinstance(store, Mapping) else store
        return cls(passages, encoder, cache_folder=cache_folder, threshold=threshold, store=opened)

    def search(self, question: str, *, limit: int = 3) -> SearchResult:
        """The passages nearest to a question, and whether the first answers it.

        Args:
            question: as the customer wrote it; of a very long one the first 1,000 characters count.
            limit: passages at most.

        Raises:
            EncodingError: the encoder is a server, and it is away.
        """
        asked = question.strip()[:_LONGEST_QUESTION]
        if not any(character.isalnum() for character in asked):
            return SearchResult(question, (), answerable=False, confidence=0.0)
        read = self._read_question(asked)
        keywords = self._keywords.scores(asked)
        rows = self._candidates(read, keywords)
        scores = self._scores(read, rows, keywords)
        order = np.argsort(-scores, kind="stable")
        confidence = relevance.confidence(scores[order].tolist())
        found = tuple(
            FoundPassage(self.passages[rows[place]], float(np.clip(scores[place], 0, 1))) for place in order[:limit]
        )
        return SearchResult(question, found, answerable=confidence >= self.threshold, confidence=confidence)

    def quote(self, result: SearchResult, *, max_sentences: int = 2) -> Quotation | None:
        """The sentences of the best passage that answer best, verbatim and in the document's order.

        Args:
            result: of this knowledge base.
            max_sentences: as many at most; weaker ones are left out.

        Returns:
            None when the passages are not near enough to answer the question.
        """
        if not result.answerable or not result.passages or max_sentences < 1:
            return None
        passage = result.passages[0].passage
        row = self.passages.index(passage)
        text = self._texts[row]
        read = self._read_question(result.question.strip()[:_LONGEST_QUESTION])
        units = self._read.unit_similarities(read, row, heading=text.has_heading)
        sentences = units[1:] if text.has_heading else units
        if text.has_heading and text.units[0].endswith(_QUESTION_MARKS) and units[0] > sentences.max():
            chosen = list(range(min(max_sentences, len(sentences))))  # the heading asks, what follows answers
        else:
            best = np.argsort(-sentences, kind="stable")[:max_sentences]
            floor = _QUOTED_BESIDE_THE_BEST * sentences[best[0]]
            chosen = sorted(int(index) for index in best if sentences[index] >= floor)
        return Quotation(
            tuple(passage.sentences[index] for index in chosen), passage, float(np.clip(units.max(), 0, 1))
        )

    def _embed(self, cache_folder: str | Path | None) -> Embeddings:
        texts = [text.text for text in self._texts]
        units = [unit for text in self._texts for unit in text.units]
        if cache_folder is None:
            return Embeddings.embed([*texts, *units], len(texts), self._encoder)
        return EmbeddingCache(cache_folder).embed([*texts, *units], len(texts), self._encoder)

    def _read_question(self, question: str) -> ReadQuestion:
        return ReadQuestion.of(question, self._encoder.encode_words([question])[0], self._keywords.weight)

    def _candidates(self, question: ReadQuestion, keywords: np.ndarray) -> list[int]:
        """Rows that the vectors or the words put forward."""
        near = self._vectors.nearest(question.vector, 4 * CANDIDATES)
        owners = [int(row) if row < len(self.passages) else int(self._owner(row)) for row in near]
        by_words = [int(row) for row in np.argsort(-keywords, kind="stable")[:CANDIDATES] if keywords[row] > 0]
        return sorted({*owners, *by_words})

    def _owner(self, row: int) -> int:
        return int(self._read.owners[row - len(self.passages)])

    def _scores(self, question: ReadQuestion, rows: list[int], keywords: np.ndarray) -> np.ndarray:
        similarities = [self._read.similarities(question, row) for row in rows]
        table = np.array(similarities).reshape(len(rows), KINDS)
        return relevance.scores(table, keywords[np.array(rows, dtype=np.int64)], self._unrelated, self._answered)


def _checked(threshold: float) -> float:
    if isinstance(threshold, (int, float)) and not isinstance(threshold, bool) and 0 <= threshold <= 1:
        return float(threshold)
    raise ConfigurationError(
        "this is no number from 0 to 1.",
        component="knowledge",
        key="threshold",
        value=threshold,
        fix=f"The default is {relevance.DEFAULT_THRESHOLD}; a higher one declines more questions.",
    )


def _fingerprint(passages: Sequence[Passage], encoder: SentenceEncoder, threshold: float) -> str:
    digest = hashlib.sha256(f"{encoder.fingerprint} {threshold}".encode())
    for passage in passages:
        digest.update(repr(passage).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]

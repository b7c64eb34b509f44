"""How well passages are found, and how well the knowledge base knows when to stay silent.

    python benchmarks/knowledge.py --data FILE --json OUT [--draws 3] [--seed 0] [--no-titles]

FILE is in SQuAD's JSON format. Each paragraph is a document whose title is its article's. Measured:

- first, in_three: every question, every paragraph: the question's own paragraph first, among the first three.
- answered_right, declined: a quarter of the articles is left out. By the product's default threshold, share of the
  other questions that are answered from their own paragraph, and share of the questions on the left-out articles
  that are declined. Mean over the draws.
- near_miss_right: only the question's own paragraph is left out, its neighbours stay. Share of the questions answered
  from their own paragraph when it is there, with the confidence from which 90 % of the near misses are declined; the
  same by the default threshold stands beside it (near_miss_right_default, near_miss_declined_default).
- unsupported_sentences: sentences of the quoted replies of all those runs with a number or a name that the paragraph
  which they are quoted from, as the file has it, does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("USE_TF", "0")

from rasa_llm_components.knowledge import KnowledgeBase, Passage, SearchResult
from rasa_llm_components.knowledge.keyword_index import KeywordIndex
from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.models.protocols import EncodedText, Kind, SentenceEncoder
from rasa_llm_components.models.registry import DEFAULT_ENCODER, shared_encoder

LEFT_OUT = 0.25
NEAR_MISSES_DECLINED = 0.90
_NUMBER_OR_NAME = re.compile(r"\d+(?:[.,:]\d+)*|[A-Z][\w'’-]*")


@dataclass(frozen=True)
class Question:
    """A question of the file and the row of its paragraph."""

    text: str
    paragraph: int


@dataclass(frozen=True)
class Benchmark:
    """The file's paragraphs, questions, and the article (by number) of each paragraph."""

    passages: list[Passage]
    questions: list[Question]
    articles: np.ndarray


class RememberingEncoder:
    """Encodes each text once, since the runs share their texts; `KnowledgeBase` sees an encoder like any other."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        """Wraps the encoder that is measured."""
        self._encoder = encoder
        self.dimension, self.fingerprint = encoder.dimension, encoder.fingerprint
        self._known: dict[tuple[str, str], EncodedText] = {}
        self._vectors: dict[tuple[str, str], np.ndarray] = {}

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors."""
        new = list(dict.fromkeys(text for text in texts if (kind, text) not in self._vectors))
        self._vectors.update(zip(((kind, text) for text in new), self._encoder.encode(new, kind=kind)))
        return np.stack([self._vectors[kind, text] for text in texts])

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence and token vectors."""
        new = list(dict.fromkeys(text for text in texts if (kind, text) not in self._known))
        self._known.update(zip(((kind, text) for text in new), self._encoder.encode_words(new, kind=kind)))
        return [self._known[kind, text] for text in texts]


class Run:
    """Searches, and counts what the replies say that their paragraphs do not."""

    def __init__(self, benchmark: Benchmark, encoder: SentenceEncoder) -> None:
        """Keeps the encoder and the file's content."""
        self.benchmark, self.encoder = benchmark, encoder
        self.replies = self.unsupported = 0
        self.milliseconds: list[float] = []

    def knowledge(self, rows: Sequence[int]) -> KnowledgeBase:
        """A knowledge base of some of the paragraphs, with the product's defaults."""
        return KnowledgeBase.from_passages([self.benchmark.passages[row] for row in rows], self.encoder)

    def search(self, knowledge: KnowledgeBase, question: Question) -> SearchResult:
        """Searches, timed, and checks the reply that a customer would get."""
        started = time.perf_counter()
        result = knowledge.search(question.text)
        self.milliseconds.append((time.perf_counter() - started) * 1000)
        quotation = knowledge.quote(result)
        if quotation is not None:
            self.replies += 1
            source = next(p.text for p in self.benchmark.passages if p.document == quotation.passage.document)
            self.unsupported += sum(not is_supported(sentence, source) for sentence in quotation.sentences)
        return result

    def is_right(self, result: SearchResult, question: Question, among: int = 1) -> bool:
        """Whether the question's own paragraph is among the first."""
        wanted = self.benchmark.passages[question.paragraph].document
        return wanted in [found.passage.document for found in result.passages[:among]]


def is_supported(sentence: str, source: str) -> bool:
    """Whether every number and every name of a sentence stands in the source, as a whole word."""
    return set(_NUMBER_OR_NAME.findall(sentence)) <= set(_NUMBER_OR_NAME.findall(source))


def main() -> None:
    """Measures, prints a table and writes the records."""
    options = _options()
    benchmark = read(options.data, titles=options.titles)
    encoder = RememberingEncoder(shared_encoder({"model": options.model}))
    started = time.perf_counter()
    texts = [question.text for question in benchmark.questions]
    encoder.encode_words(texts)
    run = Run(benchmark, encoder)
    full = run.knowledge(range(len(benchmark.passages)))
    embedding_seconds = time.perf_counter() - started
    results = [run.search(full, question) for question in benchmark.questions]
    ours: dict[str, Any] = {"name": "rasa-llm-components"}
    ours["first"] = _share(run.is_right(r, q) for r, q in zip(results, benchmark.questions))
    ours["in_three"] = _share(run.is_right(r, q, 3) for r, q in zip(results, benchmark.questions))
    ours |= left_out_articles(run, draws=options.draws, seed=options.seed)
    ours |= near_misses(run, results)
    ours |= {
        "unsupported_sentences": run.unsupported,
        "replies_checked": run.replies,
        "search_p50_ms": round(float(np.percentile(run.milliseconds, 50)), 2),
        "search_p99_ms": round(float(np.percentile(run.milliseconds, 99)), 2),
        "embedding_seconds": round(embedding_seconds, 1),
        "seconds": round(time.perf_counter() - started, 1),
        "paragraphs": len(benchmark.passages),
        "questions": len(texts),
        "draws": options.draws,
        "seed": options.seed,
        "titles": options.titles,
        "model": options.model,
    }
    records = [ours, *peers(benchmark, encoder)]
    print_table(records)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def read(file: Path, *, titles: bool) -> Benchmark:
    """Reads a SQuAD file. Ends the program with a sentence when it is none."""
    try:
        articles = json.loads(file.read_text(encoding="utf-8"))["data"]
        passages: list[Passage] = []
        questions: list[Question] = []
        numbers: list[int] = []
        for number, article in enumerate(articles):
            title = str(article.get("title") or "").replace("_", " ") if titles else ""
            for paragraph in article["paragraphs"]:
                text = paragraph["context"]
                questions += [Question(entry["question"], len(passages)) for entry in paragraph["qas"]]
                document = f"{number}-{len(passages)}"
                passages.append(Passage(text, title, (), "", document, split_sentences(text)))
                numbers.append(number)
    except OSError as error:
        raise SystemExit(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{file} is not in SQuAD's JSON format: {type(error).__name__}: {error}") from error
    return Benchmark(passages, questions, np.array(numbers))


def left_out_articles(run: Run, *, draws: int, seed: int) -> dict[str, Any]:
    """Answers and declines by the default threshold with a quarter of the articles left out."""
    random = np.random.default_rng(seed)
    articles = run.benchmark.articles
    names = np.unique(articles)
    answered, declined = [], []
    for _ in range(draws):
        left_out = random.choice(names, round(LEFT_OUT * len(names)), replace=False)
        knowledge = run.knowledge(np.flatnonzero(~np.isin(articles, left_out)))
        right, silent = [], []
        for question in run.benchmark.questions:
            result = run.search(knowledge, question)
            if articles[question.paragraph] in left_out:
                silent.append(not result.answerable)
            else:
                right.append(result.answerable and run.is_right(result, question))
        answered.append(_share(right))
        declined.append(_share(silent))
    return {
        "answered_right": round(float(np.mean(answered)), 4),
        "declined": round(float(np.mean(declined)), 4),
        "answered_right_by_draw": answered,
        "declined_by_draw": declined,
    }


def near_misses(run: Run, results: Sequence[SearchResult]) -> dict[str, Any]:
    """Each question without its own paragraph, against the same question with it (`results`)."""
    questions = run.benchmark.questions
    confidences = np.zeros(len(questions))
    declined = np.zeros(len(questions), dtype=bool)
    for row in range(len(run.benchmark.passages)):
        asked = [index for index, question in enumerate(questions) if question.paragraph == row]
        if not asked:
            continue
        knowledge = run.knowledge([other for other in range(len(run.benchmark.passages)) if other != row])
        for index in asked:
            result = run.search(knowledge, questions[index])
            confidences[index], declined[index] = result.confidence, not result.answerable
    threshold = float(np.quantile(confidences, NEAR_MISSES_DECLINED, method="higher"))
    right = [run.is_right(result, question) for result, question in zip(results, questions)]
    above = [result.confidence > threshold for result in results]
    return {
        "near_miss_right": _share(np.logical_and(right, above)),
        "near_miss_declined": _share(confidences <= threshold),
        "near_miss_threshold": round(threshold, 4),
        "near_miss_right_default": _share(r and result.answerable for r, result in zip(right, results)),
        "near_miss_declined_default": _share(declined),
    }


def peers(benchmark: Benchmark, encoder: SentenceEncoder) -> list[dict[str, Any]]:
    """BM25 alone and the frozen encoder's paragraph vectors alone, over the same texts as ours."""
    texts = [f"{p.title}\n{p.text}" if p.title else p.text for p in benchmark.passages]
    questions = [question.text for question in benchmark.questions]
    keywords = KeywordIndex(texts)
    vectors = np.stack([text.sentence for text in encoder.encode_words(texts, kind="passage")])
    asked = np.stack([text.sentence for text in encoder.encode_words(questions)])
    by_name = {
        "BM25 alone": np.stack([keywords.scores(question) for question in questions]),
        "frozen encoder alone": asked @ vectors.T,
    }
    own = np.array([question.paragraph for question in benchmark.questions])
    records = []
    for name, scores in by_name.items():
        ranks = (scores >= scores[np.arange(len(own)), own][:, None]).sum(axis=1)  # ties count against the peer
        records.append({"name": name, "first": _share(ranks <= 1), "in_three": _share(ranks <= 3)})
    return records


def print_table(records: Sequence[dict[str, Any]]) -> None:
    """Prints what was measured, ours first."""
    ours = records[0]
    print(f"{ours['paragraphs']} paragraphs, {ours['questions']} questions, {ours['draws']} draws, {ours['model']}")
    print(f"{'':24}{'first':>8}{'in three':>10}")
    for record in records:
        print(f"{record['name']:24}{record['first']:8.4f}{record['in_three']:10.4f}")
    lines = [
        "articles left out:    answered right {answered_right:.4f}, declined {declined:.4f}",
        "near misses:          answered right {near_miss_right:.4f} at {near_miss_declined:.4f} declined",
        "  default threshold:  right {near_miss_right_default:.4f} at {near_miss_declined_default:.4f} declined",
        "truth:                {unsupported_sentences} unsupported sentences in {replies_checked} replies",
        "search of a question: p50 {search_p50_ms:.1f} ms, p99 {search_p99_ms:.1f} ms without the encoder's pass",
        "embedding {embedding_seconds:.0f} s, all of it {seconds:.0f} s",
    ]
    for line in lines:
        print(line.format(**ours))


def _share(values: Any) -> float:
    return round(float(np.mean([bool(value) for value in values])), 4)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Passages found, questions declined.")
    parser.add_argument("--data", type=Path, required=True, help="a file in SQuAD's JSON format")
    parser.add_argument("--json", type=Path, help="where the records are written")
    parser.add_argument("--draws", type=int, default=3, help="draws of left-out articles")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--model", default=DEFAULT_ENCODER, help="the encoder: a folder, package:NAME or a hub name")
    parser.add_argument("--no-titles", dest="titles", action="store_false", help="paragraphs without article titles")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""How well the sentiment head tells negative, neutral and positive, VADER beside it; and makes the head that ships.

python benchmarks/sentiment.py --vader DIR --json OUT       five-fold, on Amazon reviews and tweets
python benchmarks/sentiment.py --data FILE --json OUT       the shipped head on a CSV `text,label`
... --questions FILE                                        plain questions (SQuAD's JSON) called negative
... --without-plain                                         also a head that has never seen plain sentences
python benchmarks/sentiment.py --vader DIR --save-head rasa_llm_components/models/heads/all-MiniLM-L6-v2.sentiment.npz
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sentiment_training import Sentences, joined, own_sentences, train_head, vader_sentences

from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import DEFAULT_ENCODER, shared_encoder
from rasa_llm_components.models.sentiment_head import LABELS, PROBE, SentimentHead, shipped_head

OURS, PLAIN_HEAD, VADER = "rasa-llm-components", "without plain sentences", "vader"
FOLDS = 5
Record = dict[str, Any]


def main() -> None:
    """Measures what the options ask for, prints a table and writes the records."""
    options = _options()
    encoder = shared_encoder({"model": options.model})
    records: list[Record] = []
    if options.vader:
        records += five_fold(options, encoder)
    if options.data:
        records += on_file(options.data, encoder)
    if options.questions:
        share = called_negative(_shipped(encoder), encoder.encode(read_questions(options.questions)))
        records = _with_questions(records, share)
    print_table(records)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def five_fold(options: argparse.Namespace, encoder: SentenceEncoder) -> list[Record]:
    """Out-of-fold figures of one head for both corpora, and of its peers; saves the head of all data if asked."""
    corpora, plain = vader_sentences(options.vader), own_sentences()
    print(f"Encoding {sum(len(part.texts) for part in [*corpora.values(), *plain])} sentences", flush=True)
    shown = sys.stderr.isatty()
    vectors = {name: encoder.encode(corpus.texts, show_progress=shown) for name, corpus in corpora.items()}
    plain_parts = [(encoder.encode(part.texts), part, np.arange(len(part.texts))) for part in plain]

    def train(rows: dict[str, np.ndarray], with_plain: bool = True) -> SentimentHead:
        rated = [(vectors[name], corpora[name], chosen) for name, chosen in rows.items()]
        return train_head(*joined(rated + plain_parts * with_plain), encoder)

    if options.save_head:
        train({name: np.arange(len(corpus.texts)) for name, corpus in corpora.items()}).save_pretrained(
            options.save_head
        )
        print(f"{options.save_head}: {options.save_head.stat().st_size} bytes", flush=True)
    records = _records(OURS, corpora, out_of_fold(corpora, vectors, train))
    if options.without_plain:
        records += _records(PLAIN_HEAD, corpora, out_of_fold(corpora, vectors, lambda rows: train(rows, False)))
    return records + _records(VADER, corpora, {name: vader_labels(c.texts) for name, c in corpora.items()})


def out_of_fold(
    corpora: dict[str, Sentences],
    vectors: dict[str, np.ndarray],
    train: Callable[[dict[str, np.ndarray]], SentimentHead],
) -> dict[str, np.ndarray]:
    """Each sentence's label by a head that was trained on the other four folds of every corpus."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    splits = {name: list(folds.split(vectors[name], corpus.labels)) for name, corpus in corpora.items()}
    predicted = {name: np.zeros(len(corpus.labels), dtype=int) for name, corpus in corpora.items()}
    for fold in range(FOLDS):
        print(f"Training, fold {fold + 1} of {FOLDS}", flush=True)
        head = train({name: split[fold][0] for name, split in splits.items()})
        for name, split in splits.items():
            held_out = split[fold][1]
            predicted[name][held_out] = head.predict_proba(vectors[name][held_out]).argmax(axis=1)
    return predicted


def on_file(file: Path, encoder: SentenceEncoder) -> list[Record]:
    """The shipped head and VADER on a CSV file."""
    texts, labels = read_csv(file)
    predicted = _shipped(encoder).predict_proba(encoder.encode(texts, show_progress=sys.stderr.isatty())).argmax(axis=1)
    return [
        {"name": OURS, "corpus": file.stem, **figures(labels, predicted)},
        {"name": VADER, "corpus": file.stem, **figures(labels, vader_labels(texts))},
    ]


def figures(labels: np.ndarray, predicted: np.ndarray) -> Record:
    """Macro-F1 over the labels that occur, accuracy, and precision, recall and F1 of each label."""
    from sklearn.metrics import precision_recall_fscore_support

    present = sorted(set(labels.tolist()))
    columns = precision_recall_fscore_support(labels, predicted, labels=range(len(LABELS)), zero_division=0.0)
    per_class = {
        label: dict(zip(("precision", "recall", "f1"), (round(float(column[row]), 4) for column in columns[:3])))
        for row, label in enumerate(LABELS)
    }
    return {
        "macro_f1": round(float(np.mean([columns[2][row] for row in present])), 4),
        "accuracy": round(float((labels == predicted).mean()), 4),
        "per_class": per_class,
        "predicted_share": {label: round(float((predicted == row).mean()), 4) for row, label in enumerate(LABELS)},
        "sentences": len(labels),
    }


def called_negative(head: SentimentHead, vectors: np.ndarray) -> float:
    """The share of these vectors that the head calls negative."""
    return round(float((head.predict_proba(vectors).argmax(axis=1) == LABELS.index("negative")).mean()), 4)


def vader_labels(texts: Sequence[str]) -> np.ndarray:
    """What VADER says, with the thresholds its authors give: ±0.05 on the compound score."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    scores = np.array([analyser.polarity_scores(text)["compound"] for text in texts])
    return np.where(scores <= -0.05, 0, np.where(scores >= 0.05, 2, 1))


def read_csv(file: Path) -> tuple[list[str], np.ndarray]:
    """Texts and label indices of a CSV file with the columns `text` and `label`."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if not rows or not {"text", "label"} <= set(rows[0]):
        raise SystemExit(f"{file} must be a CSV file with the columns text,label and at least one row.")
    unknown = {row["label"] for row in rows if (row["label"] or "").strip().lower() not in LABELS}
    if unknown:
        raise SystemExit(f"{file}: labels must be {', '.join(LABELS)}; found {', '.join(map(repr, sorted(unknown)))}")
    return [row["text"] or "" for row in rows], np.array([LABELS.index(row["label"].strip().lower()) for row in rows])


def read_questions(file: Path) -> list[str]:
    """The questions of a file in SQuAD's JSON format."""
    articles = json.loads(file.read_text(encoding="utf-8"))["data"]
    return [qa["question"] for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


def print_table(records: Sequence[Record]) -> None:
    """Prints the records, one line each."""
    print(f"{'':32}{'corpus':18}{'macro F1':>9}{'accuracy':>9}" + "".join(f"{'F1 ' + label:>13}" for label in LABELS))
    for record in records:
        if "macro_f1" in record:
            classes = "".join(f"{record['per_class'][label]['f1']:13.3f}" for label in LABELS)
            print(
                f"{record['name']:32}{record['corpus']:18}{record['macro_f1']:9.3f}{record['accuracy']:9.3f}{classes}"
            )
    shares = [record["questions_called_negative"] for record in records if "questions_called_negative" in record]
    if shares:
        print(f"Plain questions that the shipped head calls negative: {shares[0]:.1%}")


def _records(name: str, corpora: dict[str, Sentences], predicted: dict[str, np.ndarray]) -> list[Record]:
    """One record for all corpora together, then one for each."""
    together = figures(
        np.concatenate([corpus.labels for corpus in corpora.values()]),
        np.concatenate([predicted[corpus] for corpus in corpora]),
    )
    apart = [
        {"name": f"{name}/{corpus}", "corpus": corpus, **figures(sentences.labels, predicted[corpus])}
        for corpus, sentences in corpora.items()
    ]
    return [{"name": name, "corpus": " and ".join(corpora), **together}, *apart]


def _with_questions(records: list[Record], share: float) -> list[Record]:
    first = {**(records[0] if records else {"name": OURS}), "questions_called_negative": share}
    return [first, *records[1:]]


def _shipped(encoder: SentenceEncoder) -> SentimentHead:
    head = shipped_head(encoder.fingerprint, encoder.encode([PROBE])[0])
    if head is None:
        raise SystemExit("No head is shipped for this encoder.")
    return head


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vader", type=Path, help="folder with VADER's rated sentences")
    parser.add_argument("--data", type=Path, help="CSV file with the columns text,label")
    parser.add_argument("--questions", type=Path, help="questions in SQuAD's JSON format")
    parser.add_argument("--without-plain", action="store_true", help="also a head trained without plain sentences")
    parser.add_argument("--save-head", type=Path, help="write the head trained on all of --vader to this file")
    parser.add_argument("--model", default=DEFAULT_ENCODER, help="the encoder")
    parser.add_argument("--json", type=Path, help="write the records to this file")
    options = parser.parse_args()
    if not (options.vader or options.data or options.questions):
        parser.error("give --vader DIR, --data FILE or --questions FILE")
    if options.save_head and not options.vader:
        parser.error("--save-head needs --vader DIR")
    return options


if __name__ == "__main__":
    main()

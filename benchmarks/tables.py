"""Writes docs/benchmarks.md from the records that the benchmarks left in a folder.

    python benchmarks/tables.py [--results benchmarks/results] [--page docs/benchmarks.md]

`make bench` runs the benchmarks first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
Record = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """A benchmark's part of the page.

    Attributes:
        file: its records, without `.json`.
        title: the heading.
        command: what made the records.
        about: what is measured.
        columns: of a table with a row for each record; without them there is a column for each record.
    """

    file: str
    title: str
    command: str
    about: str
    columns: tuple[str, ...] = ()


BESIDE = ("measure", "value", "unit", "peer", "peer_value", "ratio")
"""Columns of figures beside those of a peer."""
FATES = ("wrong", "twice", "disorder", "late", "p50_ms", "p99_ms")
"""Columns of what became of customers' messages (`customers.py`)."""

SECTIONS = (
    Section(
        "intent",
        "Intents from few examples",
        "python benchmarks/intent.py --data banking77 --train train_10 --seeds 3 --peer frozen --peer diet --json OUT",
        "BANKING77, ten examples for each of 77 intents, 3,080 test messages, trained and parsed through Rasa itself. "
        "The first column is the default configuration, trained with three seeds; `frozen` is the same without tuning, "
        "`diet` Rasa's default pipeline, in the same run. `ece` is the expected calibration error of the confidences "
        "that Rasa returns, in 15 bins; "
        "[the picture](components/transformer-intent-classifier.md#which-threshold) shows it.",
    ),
    Section(
        "intent_5",
        "Five examples an intent",
        "python benchmarks/intent.py --data banking77 --train train_5 --seeds 3 --json OUT",
        "The same with five examples for each intent, ours alone.",
    ),
    Section(
        "intent_full",
        "All training examples",
        "python benchmarks/intent.py --data banking77 --train train --json OUT",
        "The same with all 8,622 examples, ours alone, one seed.",
    ),
    Section(
        "parse",
        "Parsing, one message at a time",
        "python benchmarks/intent.py --data banking77 --train train_10 --peer frozen --peer diet --parse-only "
        "--json OUT",
        "The test messages through Rasa, each pipeline in a process of its own, one after the other.",
    ),
    Section(
        "intent_adapter",
        "Where tuning begins",
        "python benchmarks/intent_adapter.py --json OUT",
        "Fourteen trades of 40 intents with twelve messages each, written for this purpose. An adapter made without a "
        "quarter of the trades is tried on each of these, five examples an intent, the other seven asked; beside it "
        "tuning from the encoder's own layers. `wins` counts the trades where the adapter is better.",
    ),
    Section(
        "runtimes",
        "What reads one message",
        "python benchmarks/runtimes.py --data banking77 --json OUT",
        "The packaged encoder alone on BANKING77's 3,080 test messages, one at a time, one thread: as ONNX "
        "graphs of 8-bit and of 32-bit weights, as a traced torch graph in bfloat16, and in full by torch. "
        "`same labels` is the share of messages whose "
        "intent, by a head trained on the full vectors, does not change.",
    ),
    Section(
        "out_of_scope",
        "Messages of unknown topics",
        "python benchmarks/out_of_scope.py --data banking77_oos --oos id-oos ood-oos --json OUT",
        "50 of BANKING77's intents are known; `id-oos` are messages of other banking intents, `ood-oos` of other "
        "domains. Threshold and score are found at training.",
    ),
    Section(
        "insights",
        "Wrong labels found",
        "python benchmarks/insights.py --data banking77 --json OUT",
        "BANKING77's ten examples an intent, 20 of the 770 put under another intent at random, three times. The data "
        "set has wrong labels of its own, which count as false alarms: what is listed with nothing planted stands "
        "beside it. `certain` is what `--relabel` would move.",
    ),
    Section(
        "augmentation",
        "Examples written by a model",
        "python benchmarks/augmentation.py --data banking77 --train train_5 --intents 20 --calls 1 --json OUT",
        "Twenty of BANKING77's intents, five examples each, and what SmolLM2-135M, a very small model, adds to them: "
        "with what the filter keeps, and with all of it.",
    ),
    Section(
        "knowledge",
        "Passages found, and questions declined",
        "python benchmarks/knowledge.py --data xquad.en.json --json OUT",
        "XQuAD in English: 240 paragraphs are the documents, 1,190 questions are asked; then with 12 of the 48 "
        "articles left out, by the default threshold; then with only the question's own paragraph left out.",
    ),
    Section(
        "sentiment",
        "Sentiment",
        "python benchmarks/sentiment.py --vader vader --questions xquad.en.json --json OUT",
        "Sentences rated by people, five-fold; negative from a mean rating of -1 down, positive from 1 up. Ours are "
        "the layers as they ship, of rank 64 and in 8 bits; `frozen head` is what reads the sentence vector of an "
        "encoder behind an endpoint, and has learnt from no film reviews.",
    ),
    Section(
        "guardrails",
        "Attacks within questions",
        "python benchmarks/guardrails.py --injections prompt_injections --harmless notinject --json OUT",
        "deepset's injections joined to a question that the example bot's pages answer, with a generator that obeys "
        "every one of them (a fake, named so); and NotInject's harmless words within questions, beside a control.",
    ),
    Section(
        "guardrails_in_chat",
        "Attacks through the page",
        "python benchmarks/guardrails_in_chat.py --injections prompt_injections --harmless notinject --json OUT",
        "All 662 prompts of deepset and 339 of NotInject, sent to the running example bot as the page sends them.",
    ),
    Section(
        "generated_replies",
        "Generated replies",
        "python benchmarks/generated_replies.py --json OUT",
        "Thirty questions that the example bot's pages answer, with SmolLM2-135M, a very small model: how many of its "
        "texts pass the checks. The others are quoted.",
    ),
    Section(
        "running_bot",
        "The running bot",
        "python benchmarks/running_bot.py --peer stock --json OUT",
        "The example bot in a real browser: seconds until the first answer, and Rasa's memory; `stock` is the same bot "
        "with Rasa's default pipeline.",
    ),
    Section(
        "simultaneous",
        "Several conversations at once",
        "python benchmarks/simultaneous.py --peer diet --peer diet-tensorflow-1 --peer diet-openmp-1 "
        "--peer diet-encoder-2 --peer diet-encoder-spinning --json OUT",
        "The example bot's server, one process, through the REST channel on the same machine: one conversation, then "
        "eight at once, each of which reads a reply before it sends the next message. `diet` is the same bot with "
        "Rasa's default featurizers and DIETClassifier reading every message too; the other columns are that bot with "
        "one thread for TensorFlow or OpenMP, or two for the encoder, which sleep or spin while they wait.",
    ),
    Section(
        "large_bot",
        "Very large training data",
        "python benchmarks/large_bot.py --peer featurizer --json OUT",
        "Sentences made from patterns, 60 intents, the default configuration, each size in a process of its own. "
        "`featurizer` is the same pipeline with Rasa's KeywordIntentClassifier in place of ours: what Rasa itself and "
        "the sentences' features take.",
    ),
    Section(
        "serving",
        "The model server",
        "python benchmarks/serving.py --data banking77 --infinity PYTHON --json OUT",
        "`rasa-llm serve` under load, clients and server on the same cores. What each row is stands at the head of the "
        "program. The two rows of `http_throughput` are the same figure beside two peers without a server: all "
        "sentences in one call with weights of 32 bits, and one after the other with those of 8 bits, which is how the "
        "server reads; half of its time goes into HTTP and the clients. `infinity` runs with its default engine for a "
        "CPU, torch.",
        BESIDE,
    ),
    Section(
        "scale_out",
        "Two replicas of it",
        "python benchmarks/scale_out.py --data banking77 --json OUT",
        "A simulated Ray cluster, each replica kept on one of two cores, which they share with Ray, the proxy and the "
        "clients: the less there is to read in a request, the more these take.",
        BESIDE,
    ),
    Section(
        "load",
        "Whole bots under load",
        "python benchmarks/load.py --pause 32 --json OUT",
        "A small bot whose every reply is known beforehand, on PostgreSQL, Redis and `rasa-llm serve`; customers on "
        "the page's own channel, each with its stream open. Everything on the same cores.",
        (*BESIDE, "sent", "answered", *FATES, "memory_before_mb", "memory_mb"),
    ),
    Section(
        "bot_faults",
        "Whole bots while a part of them fails",
        "python benchmarks/faults/bot_faults.py --customers 20 --json OUT",
        "The same bot with two Rasa servers and `fallback: local`; what each fault is stands at the program's head. "
        "`late` is more than ten seconds, `unread` a message that the bot said it did not understand.",
        ("fault", "sent", "answered", "unread", *FATES, "longest_ms", "after_repair_s"),
    ),
    Section(
        "ray_node_killed",
        "A machine of the cluster is lost",
        "python benchmarks/faults/ray_node_killed.py --json OUT",
        "All processes of a simulated node are killed while clients ask.",
    ),
    Section(
        "import_time",
        "Importing the package",
        "python benchmarks/import_time.py --json OUT",
        "A fresh interpreter each time.",
    ),
)


def main() -> None:
    """Writes the page from whatever records are there."""
    parser = argparse.ArgumentParser(description="Write the page of benchmarks.")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder with the records")
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "benchmarks.md", help="file to write")
    options = parser.parse_args()
    found = [(section, options.results / f"{section.file}.json") for section in SECTIONS]
    parts = [part(section, file) for section, file in found if file.exists()]
    if not parts:
        raise SystemExit(f"No records in {options.results}: run make bench first.")
    options.page.write_text("\n".join([introduction(), *parts]))
    print(f"{len(parts)} tables in {options.page}")


def introduction() -> str:
    """The page's head: on what machine, and how to repeat it."""
    return (
        "# Benchmarks\n\n"
        f"Measured on {os.cpu_count()} cores ({platform.machine()}) with Python {platform.python_version()}, without a "
        "GPU unless said otherwise. `make bench DATA=folder` repeats it and writes this page; each table also names "
        "its own command. The first row is ours.\n"
    )


def part(section: Section, file: Path) -> str:
    """One benchmark: what it measures, its command, its table."""
    records = json.loads(file.read_text())
    day = time.strftime("%Y-%m-%d", time.gmtime(file.stat().st_mtime))
    command = f"```bash\n{section.command}\n```"
    return (
        "\n\n".join(
            [f"## {section.title}", section.about, command, table(records, section.columns), f"Measured {day}."]
        )
        + "\n"
    )


def table(records: Sequence[Record], columns: Sequence[str] = ()) -> str:
    """Records as a Markdown table with a row for each figure, so that it fits a phone; a column for each record.

    Args:
        records: of one benchmark.
        columns: turns it round: these figures of each record, which is a row.
    """
    if columns:
        head = [row([column.replace("_", " ") for column in columns]), row(["---"] * len(columns))]
        return "\n".join([*head, *(row([shown(record.get(column)) for column in columns]) for record in records)])
    flat = [flattened(record) for record in records]
    figures = [key for key in dict.fromkeys(key for record in flat for key in record) if key != "name"]
    names = [str(record.get("name", "")) for record in flat]
    lines = [row(["", *names]), row(["---", *["---:"] * len(names)])]
    lines += [row([figure.replace("_", " "), *[shown(record.get(figure)) for record in flat]]) for figure in figures]
    return "\n".join(lines)


_LISTS = ("sent_texts", "unknown_replies", "changed_facts", "reliability", "thresholds")
"""In the records to be read in the file or drawn, not in the table."""


def flattened(record: Record, prefix: str = "") -> Record:
    """Figures within figures get a name of several words: `per_class negative f1`."""
    flat: Record = {}
    for key, value in record.items():
        if key in _LISTS:
            continue
        if isinstance(value, list) and all(isinstance(one, dict) and "folder" in one for one in value):
            value = {one["folder"]: {k: v for k, v in one.items() if k != "folder"} for one in value}
        flat.update(flattened(value, f"{prefix}{key} ") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat


def shown(value: Any) -> str:
    """A figure as it stands in the table."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return str(value)


def row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()

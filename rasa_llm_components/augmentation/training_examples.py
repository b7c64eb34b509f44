"""The intents' examples, as a generator is shown them and as the filter compares with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.training_data.example import without_annotations
from rasa_llm_components.training_data.nlu_file import NluFile, read_nlu_files


@dataclass(frozen=True)
class TrainingExamples:
    """The examples of a bot.

    Attributes:
        by_intent: for each intent its examples, with their entities marked, each once, in the order of the files.
    """

    by_intent: Mapping[str, tuple[str, ...]]

    @classmethod
    def from_path(cls, path: Path, *, without: Path | None = None) -> TrainingExamples:
        """Reads one nlu file, or all YAML files of a folder and those below it.

        Args:
            path: the file or folder.
            without: a file that is not read: what an earlier run made.

        Raises:
            ConfigurationError: nothing there, no YAML, or fewer than two intents with examples.
        """
        by_intent: dict[str, dict[str, None]] = {}
        for file in read_nlu_files(path):
            if without is None or file.path.resolve() != without.resolve():
                for example in file.examples:
                    by_intent.setdefault(example.intent, {})[one_line(example.written)] = None
        if len(by_intent) < 2:
            raise ConfigurationError(
                f"{len(by_intent)} intent(s) with examples here, and telling intents apart takes two.",
                key="--data",
                value=path,
                fix="Name the folder of the bot's nlu files, or add examples of a second intent.",
            )
        return cls({intent: tuple(by_intent[intent]) for intent in sorted(by_intent)})

    @property
    def count(self) -> int:
        """Of all examples."""
        return sum(len(examples) for examples in self.by_intent.values())

    def thinned(self, most: int) -> TrainingExamples:
        """At most so many of each intent, spread evenly over its list."""
        return TrainingExamples({intent: _spread(own, most) for intent, own in self.by_intent.items()})

    def pairs(self) -> tuple[list[str], list[str]]:
        """Sentences without marks, and their intents."""
        both = [(without_annotations(text), intent) for intent, own in self.by_intent.items() for text in own]
        return [text for text, _ in both], [intent for _, intent in both]


def examples_of(file: Path) -> dict[str, list[str]]:
    """The examples of one file by intent, with their marks; none when it is not there.

    Raises:
        ConfigurationError: it can't be read, or is no YAML.
    """
    by_intent: dict[str, list[str]] = {}
    for example in NluFile.read(file).examples if file.is_file() else ():
        by_intent.setdefault(example.intent, []).append(one_line(example.written))
    return by_intent


def one_line(written: str) -> str:
    """An example as it stands in a list of them."""
    return " ".join(written.split())


def _spread(examples: tuple[str, ...], most: int) -> tuple[str, ...]:
    if len(examples) <= most:
        return examples
    return tuple(examples[round(place * (len(examples) - 1) / max(1, most - 1))] for place in range(most))

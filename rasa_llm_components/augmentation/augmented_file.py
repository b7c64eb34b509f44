"""The nlu file that a run writes: for a person to read, edit or delete."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rasa_llm_components.augmentation.augmenter import Outcome
from rasa_llm_components.augmentation.candidate_filter import KEPT, REASONS
from rasa_llm_components.errors import ConfigurationError


@dataclass(frozen=True)
class Origin:
    """How a file came to be, for its first lines.

    Attributes:
        generator: as a person names it: a model, and the server if there is one.
        fingerprint: of the generator.
        encoder: fingerprint of the encoder whose vectors judged.
        seed: the run's.
        temperature: the generator's.
        prompt: the file.
        examples: the bot's own.
        intents: of the bot.
        began: when.
    """

    generator: str
    fingerprint: str
    encoder: str
    seed: int
    temperature: float
    prompt: str
    examples: int
    intents: int
    began: datetime

    def header(self, outcome: Outcome, *, kept_from_before: int, whole: bool) -> str:
        """Comment lines for the top of the file."""
        dropped = "; ".join(
            f"{outcome.verdicts[key]} {reason}" for key, reason in REASONS.items() if outcome.verdicts[key]
        )
        lines = [
            "Examples that a language model wrote (rasa-llm augment). Nobody has read them yet: please do.",
            "Edit or delete any line, or the whole file; Rasa trains on what is left.",
            f"Made {self.began:%Y-%m-%d %H:%M} UTC by {self.generator} ({self.fingerprint}), seed {self.seed}, "
            f"temperature {self.temperature:g}, prompt {self.prompt}, judged with the encoder {self.encoder}.",
            f"From {self.examples} examples of {self.intents} intents: {outcome.calls} calls, {outcome.written} "
            f"messages written, {outcome.verdicts[KEPT]} kept. Dropped: {dropped or 'none'}.",
        ]
        if kept_from_before:
            lines.append(f"{kept_from_before} examples stood here before and were kept.")
        if not whole:
            lines.append("The run was stopped before its end; --resume goes on.")
        return "\n".join(part for line in lines for part in textwrap.wrap(line, 112, break_on_hyphens=False))


def write_file(file: Path, header: str, examples: Mapping[str, Sequence[str]]) -> None:
    """Writes the file whole, or leaves what was there.

    Args:
        file: its folder is made when it is not there.
        header: comment lines.
        examples: for each intent its examples, with entities marked.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    content = "".join(f"# {line}\n" for line in header.splitlines()) + 'version: "3.1"\n\nnlu:\n'
    blocks = (_block(intent, texts) for intent, texts in sorted(examples.items()) if texts)
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(content + "\n".join(blocks), encoding="utf-8")
        os.replace(unfinished, file)
    except OSError as error:
        raise ConfigurationError(
            f"it cannot be written ({error.strerror}).", key="--out", value=file, fix="Name another file."
        ) from error


def _block(intent: str, texts: Sequence[str]) -> str:
    return f"  - intent: {_name(intent)}\n    examples: |\n" + "".join(f"      - {text}\n" for text in texts)


def _name(intent: str) -> str:
    """In quotation marks where YAML would take the name for something else."""
    import yaml

    return yaml.safe_dump(intent, allow_unicode=True, width=10_000).removesuffix("...\n").strip()

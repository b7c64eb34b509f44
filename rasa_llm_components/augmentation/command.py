"""`rasa-llm augment`: its arguments, and what a person sees of a run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rasa_llm_components.errors import ConfigurationError, GenerationError

if TYPE_CHECKING:
    from rasa_llm_components.augmentation.augmented_file import Origin
    from rasa_llm_components.augmentation.augmenter import Outcome
    from rasa_llm_components.augmentation.training_examples import TrainingExamples

MOST_READ = 50
"""Examples of one intent that are read: more of them change neither the prompts nor the filter."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    add = parser.add_argument
    add("--bot", type=Path, default=Path(), metavar="FOLDER", help="the bot (default: this folder)")
    add("--data", type=Path, metavar="PATH", help="its nlu file, or folder of them (default: data in the bot)")
    add("--model", metavar="MODEL", help="the generator: weights on this machine, or its name on the endpoint")
    add("--endpoint", metavar="URL", help="a server that speaks the OpenAI HTTP API, up to and with /v1")
    add("--per-intent", type=_whole, default=10, metavar="N", help="new examples an intent at most (default: 10)")
    add("--intents", nargs="+", metavar="INTENT", help="only for these")
    add("--calls", type=_whole, default=6, metavar="N", help="calls of the generator an intent at most (default: 6)")
    add("--out", type=Path, metavar="FILE", help="what is written (default: data/augmented/nlu.yml in the bot)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="make an existing file anew")
    existing.add_argument("--resume", action="store_true", help="keep an existing file's examples, and add to them")
    add("--descriptions", type=Path, metavar="FILE", help="YAML with lines `intent: what it is about`")
    add("--prompt", type=Path, metavar="FILE", help="your own prompt instead of the packaged one")
    add("--temperature", type=float, default=0.8, help="of the generator (default: 0.8)")
    add("--parallel", type=_whole, metavar="N", help="calls at a time (default: 4 with an endpoint, else 1)")
    add("--seed", type=int, default=42, help="the same seed gives the same file (default: 42)")
    add("--json", type=Path, metavar="FILE", help="every message with its verdict, and the figures")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Makes the file.

    Returns:
        0; 1 when the run was stopped or the server failed in the middle. What was made until then is kept.

    Raises:
        ConfigurationError: no generator or data, a file that would be overwritten, and the like.
        GenerationError: the generator failed before anything was made.
    """
    from rasa_llm_components.augmentation.training_examples import TrainingExamples, examples_of

    out = arguments.out or arguments.bot / "data" / "augmented" / "nlu.yml"
    every = TrainingExamples.from_path(arguments.data or arguments.bot / "data", without=out)
    chosen = _chosen_intents(arguments.intents, every)
    before = {} if arguments.force else examples_of(out)
    wanted = {intent: max(0, arguments.per_intent - len(before.get(intent, ()))) for intent in chosen}
    if not any(wanted.values()):
        print(f"{out} already has {arguments.per_intent} or more examples for each intent. --force makes it anew.")
        return 0
    if out.exists() and not (arguments.force or arguments.resume):
        raise ConfigurationError(
            f"it is there already, and {sum(wanted.values())} examples are missing in it.",
            key="--out",
            value=out,
            fix="--resume keeps what is in it and adds to it, --force makes it anew.",
        )
    return _Run(arguments, out, every.thinned(MOST_READ), before).go(wanted)


class _Run:
    def __init__(
        self, arguments: argparse.Namespace, out: Path, examples: TrainingExamples, before: Mapping[str, list[str]]
    ) -> None:
        self._arguments, self._out, self._examples, self._before = arguments, out, examples, before

    def go(self, wanted: Mapping[str, int]) -> int:
        from tqdm import tqdm

        from rasa_llm_components.augmentation.report import told

        augmenter, origin = self._parts()
        total = sum(wanted.values())
        whole, problem = True, ""
        bar = tqdm(total=total, desc="New examples", unit="example", file=sys.stderr)

        def show(outcome: Outcome) -> None:
            bar.n = sum(len(texts) for texts in outcome.kept.values())
            bar.set_postfix(calls=outcome.calls, written=outcome.written)

        try:
            augmenter.run(wanted, after_call=show)
        except KeyboardInterrupt:
            whole = False
        except GenerationError as error:
            whole, problem = False, str(error)
        finally:
            bar.close()
        outcome = augmenter.outcome
        if problem and not outcome.kept:
            raise GenerationError(f"{problem} Nothing was made.")
        self._write(outcome, origin, whole=whole)
        for line in told(outcome, self._out, wanted=total, whole=whole, problem=problem):
            print(line)
        return 0 if whole else 1

    def _parts(self) -> tuple[Any, Origin]:
        from rasa_llm_components.augmentation.augmented_file import Origin
        from rasa_llm_components.augmentation.augmenter import Augmenter
        from rasa_llm_components.augmentation.candidate_filter import CandidateFilter
        from rasa_llm_components.augmentation.descriptions import read_descriptions
        from rasa_llm_components.augmentation.model_choice import CALL_SECONDS, encoder_keys, generator_keys
        from rasa_llm_components.augmentation.prompt import ParaphrasePrompt
        from rasa_llm_components.doctor import BotFiles
        from rasa_llm_components.knowledge.sentences import is_chinese
        from rasa_llm_components.models.finetuning.label_names import readable_names
        from rasa_llm_components.models.registry import shared_encoder, shared_generator
        from rasa_llm_components.training_data.example import without_annotations

        given, bot = self._arguments, BotFiles.from_folder(self._arguments.bot)
        keys = generator_keys(given.model, given.endpoint, bot.nlg())
        texts, _ = self._examples.pairs()
        prompt = ParaphrasePrompt.from_file(given.prompt, chinese=is_chinese(" ".join(texts)))
        descriptions = read_descriptions(given.descriptions, self._examples.by_intent)
        generator = shared_generator(keys)
        encoder = shared_encoder(encoder_keys(bot.components()))
        judge = CandidateFilter(self._examples, encoder, prompt=prompt.text, seed=given.seed)
        earlier = [without_annotations(text) for own in self._before.values() for text in own]
        judge.take(earlier)
        augmenter = Augmenter(
            self._examples,
            generator,
            judge,
            prompt,
            names=readable_names(self._examples.by_intent),
            descriptions=descriptions,
            calls=given.calls,
            parallel=given.parallel or (4 if keys["endpoint"] else 1),
            temperature=given.temperature,
            timeout=CALL_SECONDS,
            seed=given.seed
            + len(earlier),  # what comes on top of a file must be asked for otherwise than what is in it
        )
        origin = Origin(
            generator=" at ".join(part for part in (keys["model"], keys["endpoint"]) if part),
            fingerprint=generator.fingerprint,
            encoder=encoder.fingerprint,
            seed=given.seed,
            temperature=given.temperature,
            prompt=str(given.prompt or "packaged"),
            examples=self._examples.count,
            intents=len(self._examples.by_intent),
            began=datetime.now(timezone.utc),
        )
        return augmenter, origin

    def _write(self, outcome: Outcome, origin: Origin, *, whole: bool) -> None:
        from rasa_llm_components.augmentation.augmented_file import write_file
        from rasa_llm_components.augmentation.report import record

        count = sum(len(texts) for texts in self._before.values())
        if outcome.kept:
            everything = {intent: list(texts) for intent, texts in self._before.items()}
            for intent, texts in outcome.kept.items():
                everything.setdefault(intent, []).extend(texts)
            write_file(self._out, origin.header(outcome, kept_from_before=count, whole=whole), everything)
        if self._arguments.json:
            figures = record(outcome, generator=origin.generator, seed=origin.seed, whole=whole)
            text = json.dumps(figures, ensure_ascii=False, indent=1) + "\n"
            self._arguments.json.write_text(text, encoding="utf-8")


def _chosen_intents(named: list[str] | None, examples: TrainingExamples) -> list[str]:
    unknown = [intent for intent in named or [] if intent not in examples.by_intent]
    if unknown:
        listed = ", ".join(examples.by_intent)
        raise ConfigurationError(
            "no example has this intent.", key="--intents", value=unknown[0], fix=f"There are: {listed}."
        )
    return list(named or examples.by_intent)


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small: 1 is the least")
    return number

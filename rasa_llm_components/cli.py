"""`rasa-llm`: what a person runs by hand."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rasa_llm_components.augmentation.command import add_arguments as add_augment_arguments
from rasa_llm_components.cost.command import add_arguments as add_cost_arguments
from rasa_llm_components.errors import ConfigurationError, EncodingError, GenerationError
from rasa_llm_components.serving.command import add_arguments as add_serve_arguments
from rasa_llm_components.training_data.command import add_arguments as add_insights_arguments
from rasa_llm_components.version import __version__

if TYPE_CHECKING:
    from rasa_llm_components.knowledge import KnowledgeBase
    from rasa_llm_components.nlg.answer import Answer
    from rasa_llm_components.nlg.answerer import Answerer


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: without the program's name; those of this process by default.

    Returns:
        0, or 1 when something is missing or wrong. A mistake in the arguments ends the program with 2.
    """
    parsed = _parser().parse_args(arguments)
    os.environ.setdefault("USE_TF", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # spaCy imports TensorFlow where it finds it
    try:
        return int(parsed.run(parsed))
    except (ConfigurationError, EncodingError, GenerationError) as error:
        print(f"rasa-llm: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rasa-llm", description="Transformer components for Rasa: by hand.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    doctor = commands.add_parser("doctor", help="what is missing here, and the line that fixes it")
    doctor.add_argument("--bot", type=Path, default=Path(), metavar="FOLDER", help="the bot (default: this folder)")
    doctor.set_defaults(run=_doctor)

    ask = commands.add_parser("ask", help="ask the documents: passages, reply, and what the checks said")
    ask.add_argument("question")
    ask.add_argument("--bot", type=Path, default=Path(), metavar="FOLDER", help="its endpoints.yml gives the defaults")
    ask.add_argument("--knowledge", metavar="FOLDER", help="the documents")
    ask.add_argument("--model", metavar="MODEL", help="the text generator; an empty text only quotes")
    ask.add_argument("--threshold", type=float, metavar="0...1", help="how near a passage must be")
    ask.set_defaults(run=_ask)

    add_augment_arguments(commands.add_parser("augment", help="more training examples, by a text generator"))
    add_insights_arguments(commands.add_parser("insights", help="wrong labels, confused intents, sentences said twice"))
    add_cost_arguments(commands.add_parser("cost", help="what this bot costs here: time, memory, energy, money"))
    add_serve_arguments(commands.add_parser("serve", help="the models behind an HTTP server that many bots share"))
    return parser


def _doctor(arguments: argparse.Namespace) -> int:
    from rasa_llm_components.doctor import examine

    marks = {"ok": "ok      ", "optional": "optional", "missing": "MISSING "}
    missing = 0
    for finding in examine(arguments.bot):
        print(f"{marks[finding.state]}  {finding.what}: {finding.found}", flush=True)
        if finding.fix:
            print(f"            {finding.fix}")
        missing += finding.state == "missing"
    print("Everything this bot needs is here." if not missing else f"{missing} missing.")
    return 1 if missing else 0


def _ask(arguments: argparse.Namespace) -> int:
    keys = _keys(arguments)
    knowledge, answerer = _answerer(keys)
    answer = answerer.answer(arguments.question)
    _show_passages(answer, knowledge)
    _show_checks(answer)
    _show_reply(answer)
    return 0


def _keys(arguments: argparse.Namespace) -> dict[str, Any]:
    """What endpoints.yml says about replies, and the command line over it."""
    from rasa_llm_components.doctor import BotFiles
    from rasa_llm_components.nlg.settings import check_keys

    written = {key: value for key, value in BotFiles.from_folder(arguments.bot).nlg().items() if key != "type"}
    if "knowledge" in written:
        written["knowledge"] = str(arguments.bot / written["knowledge"])
    given = {key: getattr(arguments, key) for key in ("knowledge", "model", "threshold")}
    keys = {**written, **{key: value for key, value in given.items() if value is not None}}
    if not keys.get("knowledge"):
        raise ConfigurationError(
            "no documents are named.", fix="Write --knowledge FOLDER, or run it where endpoints.yml names them."
        )
    return check_keys(keys)


def _answerer(keys: dict[str, Any]) -> tuple[KnowledgeBase, Answerer]:
    from rasa_llm_components.knowledge import KnowledgeBase
    from rasa_llm_components.models.registry import shared_encoder, shared_generator
    from rasa_llm_components.nlg.answerer import Answerer
    from rasa_llm_components.nlg.settings import Settings

    encoder = shared_encoder(keys["encoder"])
    generator = shared_generator(keys) if keys["model"] or keys["endpoint"] else None
    knowledge = KnowledgeBase.from_folder(
        keys["knowledge"], encoder, cache_folder=keys["cache_folder"] or None, threshold=keys["threshold"] or None
    )
    return knowledge, Answerer(knowledge, generator, encoder, Settings.from_keys(keys))


def _show_passages(answer: Answer, knowledge: KnowledgeBase) -> None:
    print("Passages")
    if answer.search is None:
        print("  none: the search failed")
        return
    for found in answer.search.passages:
        place = found.passage.heading_path or found.passage.document
        print(f"  {found.score:.2f}  {place} ({found.passage.document})")
        print(f"        {textwrap.shorten(found.passage.text, 200, placeholder=' ...')}")
    verdict = "near enough" if answer.search.answerable else "not near enough"
    print(f"  {verdict}: {answer.search.confidence:.2f}, and {knowledge.threshold:.2f} is asked for")


def _show_checks(answer: Answer) -> None:
    if answer.generated:
        print(f"Generated\n{textwrap.indent(answer.generated, '  ')}")
    if answer.checks:
        print("Checks")
    for check in answer.checks:
        print(f"  passed   {check.name}" if check.passed else f"  stopped  {check.name}: {check.reason}")


def _show_reply(answer: Answer) -> None:
    reason = f": {answer.reason}" if answer.reason else ""
    print(f"Reply ({answer.how}{reason}; {answer.seconds:.2f} s)")
    print(textwrap.indent(answer.text or "the response's own text", "  "))
    if answer.source:
        print(f"  Source: {' '.join(part for part in (answer.source.title, answer.source.link) if part)}")


if __name__ == "__main__":
    sys.exit(main())

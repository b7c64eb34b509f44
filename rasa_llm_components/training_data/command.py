"""`rasa-llm insights`: its arguments, and what a person sees."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    add = parser.add_argument
    add("--data", type=Path, default=Path("data"), metavar="PATH", help="nlu file, or folder of them (default: data)")
    add("--config", type=Path, metavar="FILE", help="names the encoder (default: config.yml where there is one)")
    add("--html", type=Path, metavar="FILE", help="write everything as one page")
    add("--json", type=Path, metavar="FILE", help="write everything as JSON")
    add("--apply", action="store_true", help="remove lines that stand twice in an intent")
    add("--relabel", action="store_true", help="with --apply: move examples whose intent is certainly wrong")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Looks at the data; changes it only with `--apply`.

    Returns:
        0.

    Raises:
        ConfigurationError: no data, no weights, or a file that can't be written.
    """
    if arguments.relabel and not arguments.apply:
        raise ConfigurationError("--relabel changes the data only together with --apply.", fix="Write both.")
    from rasa_llm_components.training_data.bot_encoder import bot_encoder
    from rasa_llm_components.training_data.insights import examine
    from rasa_llm_components.training_data.nlu_file import read_nlu_files
    from rasa_llm_components.training_data.page import as_page
    from rasa_llm_components.training_data.repairs import repair
    from rasa_llm_components.training_data.terminal import as_text

    files = read_nlu_files(arguments.data)
    insights = examine([example for file in files for example in file.examples], bot_encoder(arguments.config))
    print(as_text(insights))
    if arguments.html:
        _write(arguments.html, as_page(insights))
    if arguments.json:
        _write(arguments.json, json.dumps(insights.to_json(), indent=2, ensure_ascii=False) + "\n")
    if arguments.apply:
        print(repair(files, insights, relabel=arguments.relabel))
    return 0


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"can't be written: {error.strerror}.", component=str(file)) from error
    print(f"Written: {file}")

"""`rasa-llm cost`: its arguments, and what a person sees."""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasa_llm_components.cost.energy import WATTS_PER_CORE
from rasa_llm_components.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the command."""
    add = parser.add_argument
    add("--model", type=Path, default=Path("models"), metavar="PATH", help="a model, or a folder (default: models)")
    add("--messages", type=Path, metavar="FILE", help="one message a line (default: the bot's examples)")
    add("--data", type=Path, default=Path("data"), metavar="PATH", help="where the examples are (default: data)")
    add("--price-per-hour", type=number, metavar="PRICE", help="of this machine, in any currency")
    add(
        "--watts-per-core", type=number, default=WATTS_PER_CORE, metavar="WATTS",
        help=f"of a busy core, where the machine does not tell its energy (default: {WATTS_PER_CORE:g})",
    )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the figures")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measures the bot.

    Returns:
        0.

    Raises:
        ConfigurationError: no model, no messages, or a file that can't be written.
    """
    from rasa_llm_components.cost.measurement import measure
    from rasa_llm_components.cost.messages import messages_from
    from rasa_llm_components.cost.terminal import as_text

    with _silence():
        messages = messages_from(arguments.messages, arguments.data)
        cost = measure(arguments.model, messages, watts_per_core=arguments.watts_per_core)
    print(as_text(cost, arguments.price_per_hour))
    if arguments.json:
        try:
            arguments.json.write_text(json.dumps(cost.to_json(arguments.price_per_hour), indent=2) + "\n")
        except OSError as error:
            raise ConfigurationError(f"can't be written: {error.strerror}.", component=str(arguments.json)) from error
    return 0


@contextmanager
def _silence() -> Iterator[None]:
    """Rasa and the libraries that it imports say much about themselves; debug lines would also be timed."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(record=True):  # a filter would not do: some libraries set their own
            yield
    finally:
        logging.disable(logging.NOTSET)


def number(text: str) -> float:
    """A figure above 0; argparse calls it by this function's name when it is none."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value

"""Reads the examples of Rasa's YAML training data, with the line of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.training_data.example import Example

_SUFFIXES = (".yml", ".yaml")
_LINE = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|\Z)")
"""A line with its end, as YAML 1.1 counts lines."""
_MARGIN = "\n\r "
"""What Rasa takes from both ends of an example."""


@dataclass(frozen=True)
class NluFile:
    """A file as it was read.

    Attributes:
        path: where it is.
        text: its whole text, line ends as they are, a byte order mark as its first character.
        examples: of its intents, in order.
    """

    path: Path
    text: str
    examples: tuple[Example, ...]

    @classmethod
    def read(cls, path: Path) -> NluFile:
        """Reads one file.

        Raises:
            ConfigurationError: it can't be read, is not UTF-8, or is no YAML.
        """
        try:
            text = path.read_bytes().decode("utf-8")
        except OSError as error:
            raise ConfigurationError(f"can't be read: {error.strerror}.", component=str(path)) from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"is not UTF-8 (byte {error.start}).", component=str(path), fix="Save it as UTF-8."
            ) from error
        return cls.from_text(path, text)

    @classmethod
    def from_text(cls, path: Path, text: str) -> NluFile:
        """Reads what stands, or is going to stand, in a file. Raises ConfigurationError when it is no YAML."""
        return cls(path, text, tuple(_examples(path, text)))


def read_nlu_files(path: Path) -> list[NluFile]:
    """Every YAML file with examples, in the order of their names.

    Args:
        path: a file, or a folder that is looked through with its folders.

    Raises:
        ConfigurationError: nothing there, nothing readable, or no examples of intents in any file.
    """
    if not path.exists():
        raise ConfigurationError(
            "there is no such file or folder.", component=str(path), fix="Name the training data: --data FOLDER."
        )
    found = [path] if path.is_file() else sorted(_yaml_files(path))
    files = [file for file in map(NluFile.read, found) if file.examples]
    if not files:
        raise ConfigurationError(
            "no YAML file here has examples of intents.",
            component=str(path),
            fix="Rasa's format is: `nlu:`, then `- intent: NAME` with `examples: |`.",
        )
    return files


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends, counted as YAML counts them."""
    return [line for line in _LINE.findall(text) if line]


def _yaml_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in _SUFFIXES and path.is_file() and not hidden:
            yield path


def _examples(path: Path, text: str) -> Iterator[Example]:
    import yaml

    root = _composed(path, text.removeprefix("\ufeff"))
    nlu = _value(root, "nlu")
    for block in nlu.value if isinstance(nlu, yaml.SequenceNode) else []:
        intent, examples = _value(block, "intent"), _value(block, "examples")
        if not isinstance(intent, yaml.ScalarNode) or not intent.value:
            continue
        metadata = _as_text(_value(block, "metadata"))
        if isinstance(examples, yaml.ScalarNode):
            yield from _short_form(path, examples, intent.value, metadata)
        elif isinstance(examples, yaml.SequenceNode):
            yield from _long_form(path, lines_of(text), examples, intent.value, metadata)


def _composed(path: Path, text: str) -> Any:
    """The tree of a YAML text. libyaml reads it where PyYAML has it: large files take a second, not a minute."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigurationError(
            f"this is no YAML file: {getattr(error, 'problem', None) or error}.", component=where
        ) from error


def _value(node: Any, key: str) -> Any:
    """The node under a key of a mapping; None where there is none."""
    import yaml

    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _as_text(node: Any) -> str:
    import yaml

    return str(yaml.serialize(node, allow_unicode=True)).strip() if node is not None else ""


def _short_form(path: Path, node: Any, intent: str, metadata: str) -> Iterator[Example]:
    """`examples: |` with a line each. In another style of YAML text, lines of the file and of the text differ."""
    literal = node.style == "|"
    for row, line in enumerate(node.value.splitlines()):
        written = line[1:].strip(_MARGIN)
        if line.startswith("-") and written:
            number = node.start_mark.line + 1 + (row + 1 if literal else 0)
            yield Example(path, number, number if literal else 0, intent, written, node.start_mark.line + 1, metadata)


def _long_form(path: Path, lines: list[str], node: Any, intent: str, metadata: str) -> Iterator[Example]:
    """A list of entries with `text:` and perhaps `metadata:`."""
    import yaml

    starts = [item.start_mark.line for item in node.value] + [node.end_mark.line]
    for item, following in zip(node.value, starts[1:]):
        text = _value(item, "text")
        written = text.value.strip(_MARGIN) if isinstance(text, yaml.ScalarNode) else ""
        if written:
            own = "\n".join(part for part in (metadata, _as_text(_value(item, "metadata"))) if part)
            first = item.start_mark.line
            last = _last_line(lines, item.start_mark, following)
            yield Example(
                path, first + 1, last + 1 if last >= first else 0, intent, written, node.start_mark.line + 1, own
            )


def _last_line(lines: list[str], start: Any, following: int) -> int:
    """The last line of an entry, from 0, without the comments before the next one; -1 when it can't be told."""
    first = lines[start.line]
    dash = first.find("-")
    if first[: start.column].strip("\ufeff ") != "-" or following == start.line:
        return -1
    last = max(min(following, len(lines)) - 1, start.line)
    while last > start.line and _is_between(lines[last], dash):
        last -= 1
    return last


def _is_between(line: str, dash: int) -> bool:
    """Is this line a gap or a comment that belongs to no entry, whose text would stand further in than its dash?"""
    stripped = line.strip()
    return not stripped or (stripped.startswith("#") and len(line) - len(line.lstrip(" ")) <= dash)

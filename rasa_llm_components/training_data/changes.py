"""Changes training data by whole lines: everything else in a file stays as it is, byte for byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.training_data.example import Example
from rasa_llm_components.training_data.nlu_file import NluFile, lines_of


@dataclass(frozen=True)
class Change:
    """One example goes, or goes elsewhere.

    Attributes:
        example: the one.
        intent: where it goes; empty when it is removed.
        reason: said to the person.
    """

    example: Example
    intent: str
    reason: str


@dataclass(frozen=True)
class Applied:
    """What became of the changes.

    Attributes:
        done: written to the files.
        refused: left alone, with the reason.
    """

    done: list[Change]
    refused: list[tuple[Change, str]]


def apply_changes(files: Sequence[NluFile], changes: Sequence[Change]) -> Applied:
    """Writes the changes that can be made safely, each file at once.

    Args:
        files: as they were read; the data must not have changed since.
        changes: at most one an example.

    Raises:
        ConfigurationError: a file has changed meanwhile, can't be written, or would not read as meant. Nothing is
            written in the first and the last case.
    """
    for file in files:
        if NluFile.read(file.path).text != file.text:
            raise ConfigurationError("has changed meanwhile.", component=str(file.path), fix="Run the command again.")
    edit = _Edit(files)
    applied = Applied([], [])
    for change in changes:
        refusal = edit.refusal(change)
        if refusal:
            applied.refused.append((change, refusal))
        else:
            edit.make(change)
            applied.done.append(change)
    for path, text in edit.checked_texts(applied.done).items():
        _write(path, text)
    return applied


class _Edit:
    """Lines of all files, with what is taken out of them and put behind them."""

    def __init__(self, files: Sequence[NluFile]) -> None:
        self._files = {file.path: file for file in files}
        self._lines = {file.path: lines_of(file.text) for file in files}
        self._removed: dict[Path, set[int]] = defaultdict(set)
        self._behind: dict[Path, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._examples = [example for file in files for example in file.examples]
        self._left = Counter(_block(example) for example in self._examples)

    def refusal(self, change: Change) -> str:
        """Why this change can't be made; empty when it can."""
        example = change.example
        if not example.last_line:
            return "it shares its lines with others"
        if self._left[_block(example)] < 2:
            return f"{example.intent} would have no example left there"
        if not change.intent:
            return ""
        if len(example.written.splitlines()) > 1 or example.metadata:
            return "it has several lines or metadata"
        if "/" in example.intent:
            return "it is an example of a retrieval intent"
        return "" if self._last_of(change.intent) else f"{change.intent} has no list of lines to put it in"

    def make(self, change: Change) -> None:
        """Notes the lines that go, and the one that comes."""
        example = change.example
        self._removed[example.file].update(range(example.line - 1, example.last_line))
        self._left[_block(example)] -= 1
        if change.intent:
            target = self._last_of(change.intent)
            assert target is not None
            self._behind[target.file][target.last_line - 1].append(self._line_like(target, example.written))

    def checked_texts(self, done: Sequence[Change]) -> dict[Path, str]:
        """The files' new texts, read once more to see that they hold what they should, and nothing else changed."""
        texts = {path: self._text(path) for path in {*self._removed, *self._behind}}
        expected = Counter((e.intent, e.written, e.metadata) for e in self._examples)
        for change in done:
            expected[change.example.intent, change.example.written, change.example.metadata] -= 1
            if change.intent:
                target = self._last_of(change.intent)
                expected[change.intent, change.example.written, target.metadata if target else ""] += 1
        read = [NluFile.from_text(path, texts.get(path, file.text)) for path, file in self._files.items()]
        found = Counter((e.intent, e.written, e.metadata) for file in read for e in file.examples)
        if +expected != found:
            raise ConfigurationError(
                "these files are written in a way that can't be changed by line.", fix="Change them by hand."
            )
        return texts

    def _text(self, path: Path) -> str:
        lines = []
        for number, line in enumerate(self._lines[path]):
            new = self._behind[path].get(number, [])
            if number not in self._removed[path]:
                lines.append(line + (_line_end(self._lines[path]) if new and line == line.rstrip("\r\n") else ""))
            lines.extend(new)
        return "".join(lines)

    def _last_of(self, intent: str) -> Example | None:
        """The last example of an intent that stands on a line of its own, `- like this`."""
        own = [e for e in self._examples if e.intent == intent and e.last_line == e.line and self._is_short(e)]
        return own[-1] if own else None

    def _is_short(self, example: Example) -> bool:
        line = self._lines[example.file][example.line - 1].strip("\r\n ")
        return line.startswith("-") and line[1:].strip() == example.written

    def _line_like(self, target: Example, written: str) -> str:
        lines = self._lines[target.file]
        line = lines[target.line - 1]
        return line[: len(line) - len(line.lstrip(" "))] + f"- {written}" + _line_end(lines)


def _block(example: Example) -> tuple[Path, int]:
    return example.file, example.block


def _line_end(lines: Sequence[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"


def _write(path: Path, text: str) -> None:
    """All or nothing: a second file takes the first one's place, with its rights; a link stays a link."""
    path = path.resolve()
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".insights-") as folder:
            new = Path(folder, path.name)
            with new.open("wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, new)
            os.replace(new, path)
    except OSError as error:
        raise ConfigurationError(f"can't be written: {error.strerror}.", component=str(path)) from error

"""Prompts are files: instructions, examples, and what is put before the generator each time.

Lines `---` stand between the parts: first the instructions; then, as often as one likes, an example of what
is asked and of what is answered; last the template with its places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.protocols import ChatMessage
from rasa_llm_components.nlg.turn import Turn

PACKAGED = Path(__file__).parent / "prompts"
_PLACE = re.compile(r"\{(\w+)\}")
_FORM = re.compile(
    r"<\|[^<>\n]{0,40}\|?>|<[｜|][^<>\n]{0,40}[｜|]>|</?s>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]"
    r"|</?(?:start|end)_of_(?:turn|text)>|<(?:bos|eos|pad|unk)>|</?think>",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Prompt:
    """One prompt file, read.

    Attributes:
        instructions: the system's message.
        examples: what is asked and what is answered, in turn.
        template: the user's message, with places like `{question}`.
    """

    instructions: str
    examples: tuple[str, ...]
    template: str

    @property
    def own_words(self) -> str:
        """What no customer shall read."""
        return "\n".join((self.instructions, *self.examples))

    def messages(self, values: Mapping[str, str], history: Sequence[Turn] = ()) -> list[ChatMessage]:
        """The conversation a generator gets. What is put in cannot become a role or a place of its own."""
        data = {name: as_data(value) for name, value in values.items()}
        text = _PLACE.sub(lambda place: data.get(place.group(1), place.group()), self.template)
        examples = [_message(part, asked=row % 2 == 0) for row, part in enumerate(self.examples)]
        turns = [_message(as_data(turn.text), asked=turn.by_customer) for turn in history]
        return [{"role": "system", "content": self.instructions}, *examples, *turns, _message(text, asked=True)]


def read_prompt(name: str, places: Sequence[str], *, folder: str = "", chinese: bool = False) -> Prompt:
    """Reads `NAME.md`, or `NAME.zh.md` for Chinese, from a bot's own folder or else from the package.

    Args:
        name: `answer` or `rephrase`.
        places: what the template must hold.
        folder: a bot's own prompts; a file that is not there is the package's.
        chinese: which of the two files.

    Raises:
        ConfigurationError: no such folder, or a file without its `---` or places.
    """
    file = f"{name}.zh.md" if chinese else f"{name}.md"
    own = Path(folder).expanduser()
    if folder and not own.is_dir():
        raise ConfigurationError(
            "there is no such folder.", key="prompts", value=folder, fix=f"Make it, with {file} in it, or drop the key."
        )
    path = own / file if folder and (own / file).is_file() else PACKAGED / file
    parts = [part.strip() for part in re.split(r"^---+\s*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)]
    missing = [place for place in places if f"{{{place}}}" not in parts[-1]]
    if len(parts) < 2 or len(parts) % 2 or missing:
        whole = len(parts) >= 2 and len(parts) % 2 == 0
        problem = f"the last part of {file} has no {{{missing[0]}}}." if whole else f"{file} has {len(parts)} parts."
        raise ConfigurationError(
            problem,
            key="prompts",
            value=folder,
            fix="Lines --- divide it into instructions, examples (asked, answered), template.",
        )
    return Prompt(parts[0], tuple(parts[1:-1]), parts[-1])


def as_data(text: str) -> str:
    """The text without the marks by which chat templates tell one role from another."""
    while True:
        cleaned = _FORM.sub(" ", text)
        if cleaned == text:
            return text
        text = cleaned


def _message(text: str, *, asked: bool) -> ChatMessage:
    return {"role": "user" if asked else "assistant", "content": text}

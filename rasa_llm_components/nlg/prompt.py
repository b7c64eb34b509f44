"""Prompts are files: the instructions, a line `---`, and what is put before the generator each time."""

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
        template: the user's message, with places like `{question}`.
    """

    instructions: str
    template: str

    def messages(self, values: Mapping[str, str], history: Sequence[Turn] = ()) -> list[ChatMessage]:
        """The conversation a generator gets. What is put in cannot become a role or a place of its own."""
        data = {name: as_data(value) for name, value in values.items()}
        text = _PLACE.sub(lambda place: data.get(place.group(1), place.group()), self.template)
        turns: list[ChatMessage] = [
            {"role": "user" if turn.by_customer else "assistant", "content": as_data(turn.text)} for turn in history
        ]
        return [{"role": "system", "content": self.instructions}, *turns, {"role": "user", "content": text}]


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
    instructions, line, template = path.read_text(encoding="utf-8").partition("\n---\n")
    missing = [place for place in places if f"{{{place}}}" not in template]
    if not line or missing:
        problem = f"{file} has no {{{missing[0]}}} below its line ---." if missing else f"{file} has no line ---."
        raise ConfigurationError(problem, key="prompts", value=folder, fix=f"Start from the package's own {file}.")
    return Prompt(instructions.strip(), template.strip())


def as_data(text: str) -> str:
    """The text without the marks by which chat templates tell one role from another."""
    while True:
        cleaned = _FORM.sub(" ", text)
        if cleaned == text:
            return text
        text = cleaned

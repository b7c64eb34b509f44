"""The prompt is a file: what the generator is told, an exchange that shows how, and what it gets each time.

Lines `---` stand between the parts: first the instructions; then, as often as one likes, an example of what is
asked and of what is answered; last the template with its places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.protocols import ChatMessage

PACKAGED = Path(__file__).parent / "prompts"
PLACES = {"examples": "messages of the intent", "intent": "its name in words", "description": "what it is about"}
_PLACE = re.compile(r"\{(\w+)\}")
_ROLE_MARK = re.compile(r"<\|[^<>\n]{0,40}\|?>|</?s>|\[/?INST\]|</?(?:start|end)_of_turn>", re.IGNORECASE)


@dataclass(frozen=True)
class ParaphrasePrompt:
    """One prompt file, read.

    Attributes:
        instructions: the system's message.
        shown: what is asked and what is answered, in turn.
        template: the user's message, with places like `{examples}`.
        text: the whole file.
    """

    instructions: str
    shown: tuple[str, ...]
    template: str
    text: str

    @classmethod
    def from_file(cls, file: Path | None = None, *, chinese: bool = False) -> ParaphrasePrompt:
        """Reads a file, by default the packaged one.

        Args:
            file: a person's own.
            chinese: which of the packaged two.

        Raises:
            ConfigurationError: it cannot be read, its parts are not pairs, or its template has no `{examples}`.
        """
        file = file or PACKAGED / ("paraphrase.zh.md" if chinese else "paraphrase.md")
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"it cannot be read ({error}).", key="--prompt", value=file, fix=f"Begin with a copy of {PACKAGED}."
            ) from error
        parts = [part.strip() for part in re.split(r"^---+\s*$", text, flags=re.MULTILINE)]
        if len(parts) < 2 or len(parts) % 2:
            raise ConfigurationError(
                f"it has {len(parts)} parts.",
                key="--prompt",
                value=file,
                fix="Lines --- divide it into instructions, examples (asked, answered), template.",
            )
        places = _PLACE.findall(parts[-1])
        unknown = [place for place in places if place not in PLACES]
        if "examples" not in places or unknown:
            problem = f"there is no place {{{unknown[0]}}}." if unknown else "its last part has no {examples}."
            listed = ", ".join(f"{{{place}}} ({what})" for place, what in PLACES.items())
            raise ConfigurationError(problem, key="--prompt", value=file, fix=f"The places are {listed}.")
        return cls(parts[0], tuple(parts[1:-1]), parts[-1], text)

    def messages(self, values: Mapping[str, str]) -> list[ChatMessage]:
        """The conversation a generator gets.

        Args:
            values: a text for each place. Marks by which chat templates tell roles apart are taken out of it.
        """
        asked = _PLACE.sub(lambda place: _ROLE_MARK.sub(" ", values.get(place.group(1), "")), self.template)
        shown: list[ChatMessage] = [
            {"role": "assistant" if row % 2 else "user", "content": part} for row, part in enumerate(self.shown)
        ]
        return [{"role": "system", "content": self.instructions}, *shown, {"role": "user", "content": asked}]

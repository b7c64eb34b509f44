"""What the encoder reads of a passage: its headings and its sentences, in one text."""

from __future__ import annotations

from dataclasses import dataclass

from rasa_llm_components.knowledge.passage import Passage


@dataclass(frozen=True)
class PassageText:
    """A passage with its headings above it, so that "It takes 3 days." is read as what it is about.

    Attributes:
        text: the heading path, a line break, the passage.
        units: what can answer by itself: the nearest heading, if there is one (in a list of
            questions and answers it is the question), then each sentence.
        starts: where each unit begins in `text`.
        has_heading: the first unit is a heading, not a sentence.
    """

    text: str
    units: tuple[str, ...]
    starts: tuple[int, ...]
    has_heading: bool

    @classmethod
    def of(cls, passage: Passage) -> PassageText:
        """Puts the text together."""
        path = passage.heading_path
        text = f"{path}\n{passage.text}" if path else passage.text
        heading = passage.headings[-1] if passage.headings else ""
        units, starts = ([heading], [len(path) - len(heading)]) if heading else ([], [])
        position = len(text) - len(passage.text)
        for sentence in passage.sentences or (passage.text,):
            start = text.find(sentence, position)
            units.append(sentence)
            starts.append(start if start >= 0 else position)
            position = starts[-1] + (len(sentence) if start >= 0 else 0)
        return cls(text, tuple(units), tuple(starts), bool(heading))

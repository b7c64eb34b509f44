"""Cuts the sections of documents into passages at the ends of sentences."""

from __future__ import annotations

from collections.abc import Iterable

from rasa_llm_components.knowledge.document import Document, Section
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.knowledge.sentences import split_sentences

LONGEST_PASSAGE = 1000
"""Characters; about 200 English words, which an encoder reads in one window."""


def split_documents(documents: Iterable[Document], *, longest: int = LONGEST_PASSAGE) -> list[Passage]:
    """Makes a passage of every section, and several of a long one.

    Args:
        documents: as read.
        longest: characters of a passage at most; a single sentence may be longer.
    """
    return [
        passage
        for document in documents
        for section in document.sections
        for passage in _split_section(document, section, longest)
    ]


def _split_section(document: Document, section: Section, longest: int) -> list[Passage]:
    passages = []
    for start, end, sentences in _pieces(section.text, longest):
        passages.append(
            Passage(
                text=section.text[start:end],
                title=document.title,
                headings=section.headings,
                link=document.link,
                document=document.path,
                sentences=tuple(sentences),
            )
        )
    return passages


def _pieces(text: str, longest: int) -> list[tuple[int, int, list[str]]]:
    """`(start, end, sentences)` of pieces of about equal length, none longer than `longest` if it can be."""
    spans: list[tuple[int, int]] = []
    position = 0
    for sentence in split_sentences(text):
        start = text.index(sentence, position)
        position = start + len(sentence)
        spans.append((start, position))
    if not spans:
        return []
    pieces_needed = -(-(spans[-1][1] - spans[0][0]) // longest)
    target = (spans[-1][1] - spans[0][0]) / pieces_needed
    groups: list[list[tuple[int, int]]] = [[spans[0]]]
    for span in spans[1:]:
        begun = span[0] - groups[-1][0][0] >= target
        too_long = span[1] - groups[-1][0][0] > longest
        if begun or too_long:
            groups.append([span])
        else:
            groups[-1].append(span)
    return [(group[0][0], group[-1][1], [text[start:end] for start, end in group]) for group in groups]

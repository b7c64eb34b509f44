"""What `--apply` does with insights: only what is certain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rasa_llm_components.training_data.changes import Change, apply_changes
from rasa_llm_components.training_data.insights import Insights
from rasa_llm_components.training_data.nlu_file import NluFile
from rasa_llm_components.training_data.terminal import printable


def repair(files: Sequence[NluFile], insights: Insights, *, relabel: bool) -> str:
    """Removes second copies of a line; with `relabel` it also moves examples whose label is certainly wrong.

    Returns:
        A line for each changed example, and for each that was left alone.

    Raises:
        ConfigurationError: a file has changed meanwhile or can't be written.
    """
    applied = apply_changes(files, list(_changes(insights, relabel)))
    done = [_said(change, f"moved to {change.intent}" if change.intent else "removed") for change in applied.done]
    left = [_said(change, f"left alone, {reason}") for change, reason in applied.refused]
    return "\n".join([*done, *left, f"{len(done)} examples changed."])


def _changes(insights: Insights, relabel: bool) -> Iterator[Change]:
    gone = set()
    for pair in insights.duplicates.exact:
        gone.add(pair.second)
        yield Change(pair.second, "", f"stands in {pair.first.place} already")
    for suspect in insights.suspects if relabel else []:
        if suspect.certain and suspect.example not in gone:
            yield Change(suspect.example, suspect.suggested, f"stood under {suspect.example.intent}")


def _said(change: Change, what: str) -> str:
    return f"{change.example.place}  {printable(change.example.written)}: {what} ({change.reason})"

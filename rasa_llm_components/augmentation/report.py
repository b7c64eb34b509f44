"""What a run tells: a few lines for a person, and a record with every message for a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rasa_llm_components.augmentation.augmenter import Outcome
from rasa_llm_components.augmentation.candidate_filter import KEPT, REASONS

_USEFUL_SHARE = 0.4  # a model of 135M parameters stayed below it in each of three runs, and did not help


def told(outcome: Outcome, out: Path, *, wanted: int, whole: bool, problem: str) -> Iterator[str]:
    """The lines for a person.

    Args:
        outcome: of the run.
        out: the file.
        wanted: new examples that were asked for.
        whole: False when the run ended before its time.
        problem: why the generator failed, where it did.
    """
    kept = outcome.verdicts[KEPT]
    yield f"{outcome.written} messages written in {outcome.calls} calls, {outcome.seconds:.0f} s:"
    for key, reason in {KEPT: KEPT, **REASONS}.items():
        if outcome.verdicts[key]:
            yield f"  {outcome.verdicts[key]:6}  {reason}"
    if problem:
        yield f"The generator failed, and the run ended there: {problem}"
    yield f"{out} has what was kept: read it before you train." if kept else "Nothing was kept; no file was written."
    if kept and not whole:
        yield "The run was stopped before its end; --resume goes on."
    if whole and kept < wanted:
        yield f"{wanted - kept} fewer than asked for; with a larger --calls the generator tries more often."
    if outcome.written and kept < _USEFUL_SHARE * outcome.written:
        yield (
            "Most of what this generator wrote is of no use: it is too weak for this. Take a capable model,"
            " of 7 billion parameters or more: --endpoint URL --model NAME."
        )


def record(outcome: Outcome, *, generator: str, seed: int, whole: bool) -> dict[str, Any]:
    """Figures, and each message with its verdict and bits."""
    return {
        "generator": generator,
        "seed": seed,
        "whole": whole,
        "calls": outcome.calls,
        "failures": outcome.failures,
        "seconds": round(outcome.seconds, 1),
        "verdicts": dict(outcome.verdicts),
        "candidates": [
            {"intent": one.intent, "text": one.text, "verdict": one.verdict}
            | ({} if one.bits is None else {"bits": round(one.bits, 2)})
            for one in outcome.candidates
        ],
    }

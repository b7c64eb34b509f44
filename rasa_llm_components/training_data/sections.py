"""The tables of the insights, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rasa_llm_components.training_data.duplicates import Pair
from rasa_llm_components.training_data.insights import FEW, Insights

_PAIR = ("where", "sentence", "intent", "where", "sentence", "intent")
_TYPICAL = 3


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: what was found.
        advice: what to do about it.
        columns: headings.
        rows: cells, all of them; an empty table is not shown.
        page_only: too long for a terminal.
    """

    title: str
    advice: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    page_only: bool = False


def summary(insights: Insights) -> str:
    """The first sentence."""
    return (
        f"{sum(insights.examples.values())} examples of {len(insights.examples)} intents;"
        f" {insights.judged.accuracy:.1%} are told rightly when they are held out."
    )


def sections(insights: Insights) -> list[Section]:
    """All tables that have rows, the most useful first."""
    found = [*_examples(insights), *_intents(insights)]
    return [section for section in found if section.rows]


def _examples(insights: Insights) -> list[Section]:
    twice = insights.duplicates
    return [
        Section(
            "Examples that look mislabelled",
            "Read them, and move those that you agree with; --apply --relabel moves the certain ones.",
            ("where", "sentence", "stands under", "looks like", "certain"),
            [
                (s.example.place, s.example.text, s.example.label, s.suggested, "yes" if s.certain else "")
                for s in insights.suspects
            ],
        ),
        Section("The same sentence in two intents", "Keep one.", _PAIR, _pairs(twice.contradictions)),
        Section("The same line twice in one intent", "--apply removes the second.", _PAIR, _pairs(twice.exact)),
        Section(
            "Nearly the same sentence in two intents", "Does a customer mean two things by it?", _PAIR,
            _pairs(twice.near_across),
        ),
        Section("Nearly the same sentence in one intent", "Say one of them in other words.", _PAIR, _pairs(twice.near)),
    ]  # fmt: skip


def _intents(insights: Insights) -> list[Section]:
    return [
        Section(
            "Intents that may be one",
            "Merge them, or add examples of what tells them apart.",
            ("intent", "other intent", "told as the other", "the other told as it", "overlap"),
            [(c.one, c.other, *_shares(c.one_as_other, c.other_as_one, c.overlap)) for c in insights.merges],
        ),
        Section(
            "Intents that are taken for each other",
            "Examples of what tells them apart help.",
            ("intent", "other intent", "probability taken", "told as the other", "the other told as it"),
            [
                (c.one, c.other, *_shares(c.share, c.one_as_other, c.other_as_one))
                for c in insights.confusions
                if not c.merge
            ],
        ),
        Section(
            "Intents that may be two",
            "Their examples are of two kinds. Split them where the bot should answer differently.",
            ("intent", "examples", "one kind, such as", "another, such as"),
            [
                (
                    s.intent,
                    " + ".join(str(len(kind)) for kind in s.kinds),
                    *(" · ".join(example.text for example in kind[:_TYPICAL]) for kind in s.kinds),
                )
                for s in insights.splits
            ],
        ),
        Section(
            f"Intents with fewer than {FEW} examples",
            "Add some.",
            ("intent", "examples"),
            [(intent, str(count)) for intent, count in insights.thin.items()],
        ),
        Section(
            "All intents",
            "Those with the smallest share of held-out examples told rightly come first.",
            ("intent", "examples", "told rightly"),
            _all_intents(insights),
            page_only=True,
        ),
    ]


def _all_intents(insights: Insights) -> list[Sequence[str]]:
    rows = [(insights.accuracy_of(intent), intent, count) for intent, count in insights.examples.items()]
    rows.sort(key=lambda row: (row[0] is None, row[0], row[1]))
    return [(intent, str(count), "" if right is None else f"{right:.0%}") for right, intent, count in rows]


def _pairs(pairs: Sequence[Pair]) -> list[Sequence[str]]:
    return [
        (p.first.place, p.first.text, p.first.intent, p.second.place, p.second.text, p.second.intent) for p in pairs
    ]


def _shares(*shares: float) -> tuple[str, ...]:
    return tuple(f"{share:.0%}" for share in shares)

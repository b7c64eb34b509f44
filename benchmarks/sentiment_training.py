"""The sentences that sentiment is learnt from, and the training of the head that ships with the package."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.sentiment_head import LABELS, SentimentHead
from rasa_llm_components.models.shipped import PROBE

OWN_SENTENCES = Path(__file__).parent / "sentiment_data"
VADER_FILES = {
    "amazon": "amazonReviewSnippets_GroundTruth.txt",
    "tweets": "tweets_GroundTruth.txt",
    "movies": "movieReviewSnippets_GroundTruth.txt",
}
# Reviewers of films write nothing that a customer would, and they are more than the others together.
WEIGHTS = {"amazon": 1.0, "tweets": 1.0, "movies": 0.5}

# Raters disagree: near the border of two labels both are half right (the spread of a mean rating, in its units).
RATING_SPREAD = 0.6
# Sentences made from patterns are many and easily learnt; a lower weight leaves the reviews their say. Those with
# a mood count more, since the neutral ones are four times as many. Part, label, sentences a pattern, weight.
OWN_PARTS = (
    ("questions.yml", "patterns", "neutral", 12, 0.3),
    ("service.yml", "neutral", "neutral", 6, 0.4),
    ("service.yml", "negative", "negative", 6, 0.7),
    ("service.yml", "positive", "positive", 6, 0.7),
)
UNITS, EPOCHS, BATCH, LEARNING_RATE = 64, 15, 128, 2e-3
DROPOUT, WEIGHT_DECAY = 0.3, 1e-2
# Gaussian noise on the vectors, in units of their mean coordinate: a small network learns few vectors by heart.
NOISE = 0.5


@dataclass(frozen=True)
class Sentences:
    """Texts with what they sound like.

    Attributes:
        texts: the sentences.
        targets: `(texts, 3)`, a probability for each of `LABELS`.
        labels: `(texts,)`, indices of `LABELS`.
        weight: how much each counts in training.
        groups: `(texts,)`, the review that a sentence is from, or the sentence's own number.
    """

    texts: list[str]
    targets: np.ndarray
    labels: np.ndarray
    weight: float = 1.0
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))


def vader_sentences(folder: Path) -> dict[str, Sentences]:
    """Sentences with people's ratings from -4 to 4: negative from -1 down, positive from 1 up.

    Hutto and Gilbert (2014), https://github.com/cjhutto/vaderSentiment, MIT.
    """
    corpora = {}
    for name, file in VADER_FILES.items():
        try:
            lines = (folder / file).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise SystemExit(f"{folder} must hold {file}: {error.strerror}") from error
        rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
        ratings = np.array([float(rating) for _, rating, _ in rows])
        labels = np.where(ratings <= -1, 0, np.where(ratings >= 1, 2, 1))
        groups = np.array([int(number.split("_")[0]) for number, *_ in rows])  # Amazon's are `review_sentence`
        corpora[name] = Sentences([text for *_, text in rows], soft_targets(ratings), labels, WEIGHTS[name], groups)
    return corpora


def soft_targets(ratings: np.ndarray) -> np.ndarray:
    """Probabilities `(ratings, 3)` that a rating with normal spread falls below -1, between, or above 1."""
    from scipy.stats import norm

    negative, positive = norm.cdf((-1 - ratings) / RATING_SPREAD), norm.cdf((ratings - 1) / RATING_SPREAD)
    return np.stack([negative, 1 - negative - positive, positive], axis=1)


def own_sentences() -> list[Sentences]:
    """Plain questions, and what customers write to a shop, filled in from the patterns beside this file."""
    parts = []
    for file, part, label, fillings, weight in OWN_PARTS:
        texts = fill_patterns(OWN_SENTENCES / file, part, fillings)
        labels = np.full(len(texts), LABELS.index(label))
        parts.append(Sentences(texts, np.eye(len(LABELS))[labels], labels, weight))
    return parts


def fill_patterns(file: Path, part: str, fillings: int, seed: int = 0) -> list[str]:
    """Each pattern with words for its braces, up to `fillings` times; the same ones for the same seed."""
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    chosen = random.Random(seed)
    sentences = []
    for pattern in content[part]:
        filled = {
            re.sub(r"\{(\w+)\}", lambda brace: str(chosen.choice(content["words"][brace[1]])), pattern)
            for _ in range(fillings)
        }
        sentences += sorted(filled)
    return sentences


def train_head(
    vectors: np.ndarray, targets: np.ndarray, weights: np.ndarray, encoder: SentenceEncoder, *, seed: int = 0
) -> SentimentHead:
    """Trains the network by AdamW with a one-cycle learning rate (Smith and Topin 2019).

    Args:
        vectors: `(texts, dimension)`, each of length 1.
        targets: `(texts, 3)` probabilities.
        weights: `(texts,)`, how much each counts.
        encoder: whose vectors these are.
        seed: of the first weights, the order and the noise.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    dimension = vectors.shape[1]
    scale = float(np.sqrt(dimension))  # coordinates of size 1, which the optimiser expects
    rows = torch.tensor(vectors * scale, dtype=torch.float32)
    wanted, counts = torch.tensor(targets, dtype=torch.float32), torch.tensor(weights, dtype=torch.float32)
    network = torch.nn.Sequential(
        torch.nn.Linear(dimension, UNITS),
        torch.nn.ReLU(),
        torch.nn.Dropout(DROPOUT),
        torch.nn.Linear(UNITS, len(LABELS)),
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(rows)).split(BATCH):
            noisy = rows[batch] + NOISE * torch.randn_like(rows[batch])
            losses = functional.cross_entropy(network(noisy), wanted[batch], reduction="none")
            optimiser.zero_grad()
            (losses * counts[batch]).mean().backward()
            optimiser.step()
            schedule.step()
    first, second = network[0], network[3]
    return SentimentHead.of_network(
        hidden=first.weight.detach().numpy() * scale,
        hidden_bias=first.bias.detach().numpy(),
        output=second.weight.detach().numpy(),
        bias=second.bias.detach().numpy(),
        encoder=encoder.fingerprint,
        probe=encoder.encode([PROBE])[0],
    )

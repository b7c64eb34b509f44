"""Heads and layers that come with this package, and how to know the encoder that they were made for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

PROBE = "Hello, where can I find the opening hours of your shop?"
"""Encoders that give this sentence the same vector are the same encoder, whatever server or file they come from."""

_SHIPPED = Path(__file__).parent / "heads"
_SAME_ENCODER = 0.99


def shipped_files(kind: str) -> list[Path]:
    """Files of a kind: `sentiment`, `sentiment_layers` or `intent_adapter`; a `*` stands for anything."""
    return sorted(_SHIPPED.glob(f"*.{kind}.npz"))


def shipped_fingerprint(kind: str) -> str:
    """Changes when a shipped file of the kind changes."""
    digest = hashlib.sha256()
    for file in shipped_files(kind):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def same_encoder(encoder: str, probe: np.ndarray, other: str, other_probe: np.ndarray) -> bool:
    """Whether two encoders, each given as fingerprint and vector `(dimension,)` of `PROBE`, have the same weights."""
    if encoder and encoder == other:
        return True
    return probe.shape == other_probe.shape and _cosine(probe, other_probe) > _SAME_ENCODER


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))

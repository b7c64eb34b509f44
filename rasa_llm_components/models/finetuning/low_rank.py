"""What fine-tuning changed in layers, as a small file: low-rank factors of the difference of each matrix.

Hu et al. 2021 (LoRA): what a task changes in a matrix has a low rank. Here the rank is lowered after training, by
truncating the difference's singular value decomposition; no matrix of that rank is nearer (Eckart and Young 1936).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

    Weights = Mapping[str, torch.Tensor]

_LEFT, _RIGHT, _SCALE, _VECTOR = "left.", "right.", "scale.", "vector."
_LARGEST = 127


@dataclass(frozen=True)
class Factors:
    """A matrix `(rows, columns)` of low rank in 8 bits: `(left * scale) @ right`.

    Attributes:
        left: `(rows, rank)` int8.
        right: `(rank, columns)` int8.
        scale: `(rank,)` float32, of a column of `left` and a row of `right` together.
    """

    left: np.ndarray
    right: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, matrix: torch.Tensor, rank: int) -> Factors:
        """The nearest matrix of this rank, rounded."""
        import torch

        left, sizes, right = torch.linalg.svd(matrix.detach().float().cpu(), full_matrices=False)
        # Each pair of vectors is rounded by its own largest number, so that small pairs keep their precision.
        left, left_scale = _eight_bits(left[:, :rank].numpy(), axis=0)
        right, right_scale = _eight_bits(right[:rank].numpy(), axis=1)
        scale = left_scale[0] * sizes[:rank].numpy() * right_scale[:, 0]
        return cls(left, right, scale.astype(np.float32))

    def matrix(self) -> torch.Tensor:
        """`(rows, columns)` float32."""
        import torch

        return torch.from_numpy((self.left * self.scale) @ self.right.astype(np.float32))


@dataclass(frozen=True)
class LowRankDifference:
    """Tuned weights minus the original ones. It says the same before and after it was stored.

    Attributes:
        factors: of each matrix, by its name in the state dict.
        vectors: float16, of each bias and normalisation, by its name.
    """

    factors: dict[str, Factors]
    vectors: dict[str, np.ndarray]

    @classmethod
    def between(cls, original: Weights, tuned: Weights, *, rank: int) -> LowRankDifference:
        """The difference of two state dicts of the same layers.

        Args:
            original: where training began.
            tuned: where it ended.
            rank: of each matrix's difference; a matrix that is smaller keeps all of it.
        """
        changes = {name: weight.detach().cpu() - original[name].cpu() for name, weight in tuned.items()}
        return cls(
            factors={name: Factors.of(change, rank) for name, change in changes.items() if change.ndim == 2},
            vectors={name: change.numpy().astype(np.float16) for name, change in changes.items() if change.ndim == 1},
        )

    def added_to(self, layers: TunedLayers) -> None:
        """Turns the original layers, in place, into the tuned ones.

        Raises:
            ValueError: the layers have other weights than those the difference was made from.
        """
        import torch

        weights = layers.state_dict()
        changes = {name: factors.matrix() for name, factors in self.factors.items()}
        changes |= {name: torch.from_numpy(vector.astype(np.float32)) for name, vector in self.vectors.items()}
        if _shapes(weights) != _shapes(changes):
            raise ValueError("these layers are of another shape than those that were tuned")
        with torch.no_grad():
            for name, weight in weights.items():
                weight += changes[name].to(weight.device)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What to put into an `.npz` file, for `from_arrays`."""
        arrays = {_VECTOR + name: vector for name, vector in self.vectors.items()}
        for name, factors in self.factors.items():
            arrays |= {_LEFT + name: factors.left, _RIGHT + name: factors.right, _SCALE + name: factors.scale}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> LowRankDifference:
        """Finds its own among the arrays of a file.

        Raises:
            KeyError: some are missing.
            ValueError: some do not fit each other.
        """
        names = [key.removeprefix(_LEFT) for key in arrays if key.startswith(_LEFT)]
        factors = {name: Factors(arrays[_LEFT + name], arrays[_RIGHT + name], arrays[_SCALE + name]) for name in names}
        for name, found in factors.items():
            if not found.left.shape[1] == found.right.shape[0] == len(found.scale):
                raise ValueError(f"the factors of {name} do not fit each other")
        vectors = {key.removeprefix(_VECTOR): array for key, array in arrays.items() if key.startswith(_VECTOR)}
        return cls(factors, vectors)


def _eight_bits(vectors: np.ndarray, *, axis: int) -> tuple[np.ndarray, np.ndarray]:
    scale = np.maximum(np.abs(vectors).max(axis=axis, keepdims=True), 1e-12) / _LARGEST
    return np.round(vectors / scale).astype(np.int8), scale


def _shapes(weights: Weights) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}

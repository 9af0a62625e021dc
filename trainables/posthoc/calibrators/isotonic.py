"""Isotonic regression: the best map of a probability that never falls (Zadrozny & Elkan 2002)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

DECIMALS = 12
"""Probabilities that agree so far are equal: the last bit of a sigmoid depends on where in memory an entry stands."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Interpolation:
    """Straight lines between thresholds, and constant beyond them.

    Attributes:
        thresholds: [points], probabilities of the network, rising.
        values: [points], calibrated probabilities above 0 and below 1.
    """

    thresholds: Tensor
    values: Tensor

    def __call__(self, log_odds: Tensor) -> Tensor:
        """See `LogOddsMap`."""
        found = np.interp(torch.sigmoid(log_odds).numpy(), self.thresholds.numpy(), self.values.numpy())
        return torch.logit(torch.from_numpy(found))

    def parameters(self) -> dict[str, Tensor]:
        """`thresholds` and `values`."""
        return {"thresholds": self.thresholds, "values": self.values}


def fit_isotonic(log_odds: Tensor, targets: Tensor) -> Interpolation:
    """The rising function of the probability with the least squared error.

    Entries of one probability count as one with their mean target. Between blocks of one value lie straight lines, as
    scikit-learn draws them. A block of entries without the label would have the probability 0 and its first
    counter-example an infinite NLL: values are clipped to [1 / 2n, 1 - 1 / 2n] for n entries, which keeps them rising,
    because no other block of targets 0 and 1 is nearer to 0 or 1 than 1 / n.

    Args:
        log_odds: [entries], double precision.
        targets: [entries], probability that the label is present.
    """
    places, group = torch.unique(torch.sigmoid(log_odds).round(decimals=DECIMALS), return_inverse=True)
    counts = torch.bincount(group).double()
    means = torch.bincount(group, weights=targets) / counts
    values, lengths = pool_adjacent(means.tolist(), counts.tolist())
    last = torch.tensor(lengths).cumsum(0) - 1
    first = last - torch.tensor(lengths) + 1
    ends = torch.stack([first, last], dim=1).flatten()
    least = 1 / (2 * len(targets))
    heights = torch.tensor(values, dtype=torch.float64).clamp(least, 1 - least).repeat_interleave(2)
    kept = torch.cat([torch.ones(1, dtype=torch.bool), ends.diff() > 0])  # a block of one place has one end
    return Interpolation(thresholds=places[ends[kept]], values=heights[kept])


def pool_adjacent(values: list[float], weights: list[float]) -> tuple[list[float], list[int]]:
    """Pool adjacent violators: the rising sequence of least weighted squared distance (Ayer et al. 1955).

    Returns:
        The value of each block, and how many of the values it holds.
    """
    means: list[float] = []
    sizes: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(values, weights, strict=True):
        mean, size, length = value, weight, 1
        while means and means[-1] >= mean:
            before, size_before = means.pop(), sizes.pop()
            mean = (before * size_before + mean * size) / (size_before + size)
            size, length = size + size_before, length + lengths.pop()
        means.append(mean)
        sizes.append(size)
        lengths.append(length)
    return means, lengths

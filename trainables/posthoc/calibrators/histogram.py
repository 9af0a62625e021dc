"""Histogram binning: the share present in each bin of the probability (Zadrozny & Elkan 2001)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.spec.calibration import Binning


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """A value a bin of the probability.

    Attributes:
        edges: [bins - 1], between the bins, rising; a bin holds its upper edge.
        values: [bins], calibrated probabilities above 0 and below 1; NaN where no entry was seen, and there the probability
            stays as it is.
    """

    edges: Tensor
    values: Tensor

    def __call__(self, log_odds: Tensor) -> Tensor:
        """See `LogOddsMap`."""
        found = torch.logit(self.values[torch.bucketize(torch.sigmoid(log_odds), self.edges)])
        return torch.where(found.isnan(), log_odds, found)

    def parameters(self) -> dict[str, Tensor]:
        """`edges` and `values`."""
        return {"edges": self.edges, "values": self.values}


def fit_histogram(log_odds: Tensor, targets: Tensor, *, bins: int = 15, binning: Binning = "equal_mass") -> Steps:
    """The share of entries with the label in each bin, clipped to [1 / 2n, 1 - 1 / 2n] for the n entries of the bin.

    Args:
        log_odds: [entries], double precision.
        targets: [entries], probability that the label is present.
        bins: at most so many; entries of one probability stay together.
        binning: bins of equally many entries, or equally wide ones.
    """
    probabilities = torch.sigmoid(log_odds)
    equal = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    edges = equal if binning == "equal_width" else mass_edges(probabilities.sort().values, bins)
    counts, present = count(probabilities, targets, edges)
    least = 1 / (2 * counts)  # infinite in an empty bin, whose share is NaN
    return Steps(edges=edges, values=torch.minimum(torch.maximum(present / counts, least), 1 - least))


def mass_edges(ordered: Tensor, bins: int) -> Tensor:
    """Edges between bins of about equally many entries, from probabilities in rising order.

    A cut stands in the middle of two different neighbours, behind the entries that equal the last one of its bin.
    """
    n = len(ordered)
    places = torch.arange(1, bins) * n // bins
    last = ordered[(places - 1).clamp_min(0)]
    after = torch.searchsorted(ordered, last, right=True)
    after = torch.unique(after[(after < n) & (places > 0)])
    edges: Tensor = torch.unique((ordered[after - 1] + ordered[after]) / 2)
    return edges


def count(probabilities: Tensor, targets: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Entries and presences in each bin, [bins] each in double precision."""
    place, bins = torch.bucketize(probabilities, edges), len(edges) + 1
    return torch.bincount(place, minlength=bins).double(), torch.bincount(place, weights=targets, minlength=bins)

"""Prediction with the option to pass: what remains wrong when the least sure decisions are handed to a person."""

from __future__ import annotations

import torch
from torch import Tensor

POINTS = 101
"""Points of a stored curve: every hundredth of the decisions."""


def selective_risks(confidence: Tensor, wrong: Tensor) -> Tensor:
    """Share of wrong decisions among the n surest ones, for n = 1 to all, [decisions] in double precision.

    Decisions of equal confidence stand in no order, so that the expectation over all their orders is taken: errors among
    them are spread evenly (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017).

    Args:
        confidence: [decisions], of which only the order matters.
        wrong: [decisions], bool.
    """
    order = confidence.argsort(descending=True)
    place: Tensor
    ties: Tensor
    _, place, ties = torch.unique_consecutive(confidence[order], return_inverse=True, return_counts=True)
    errors = torch.bincount(place, weights=wrong[order].double())
    kept = torch.arange(1, len(confidence) + 1, dtype=torch.float64)
    return (errors / ties)[place].cumsum(0) / kept


def area_under_risk(risks: Tensor) -> float | None:
    """AURC: the mean over all coverages of the risk (Geifman et al. 2019); None without decisions."""
    return float(risks.mean()) if len(risks) else None


def excess_area(risks: Tensor, wrong: Tensor) -> float | None:
    """E-AURC: the area beyond that of the best order, which keeps every right decision first; 0 is best."""
    if not len(risks):
        return None
    return float(risks.mean() - selective_risks(-wrong.double(), wrong).mean())


def curve_points(risks: Tensor, points: int = POINTS) -> Tensor:
    """The risk at coverages 0, 1 %, ... 100 %, [points]: with the decisions rounded up, at least one.

    Raises:
        ValueError: no decision.
    """
    if not len(risks):
        raise ValueError("curve_points() got no decisions. Draw no curve where nothing is known.")
    kept = torch.linspace(0, 1, points, dtype=torch.float64) * len(risks)
    return risks[(kept - 1e-9).ceil().long().clamp(1, len(risks)) - 1]

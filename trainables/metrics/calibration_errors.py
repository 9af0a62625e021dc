"""Calibration beyond one number: bins of equal mass, class by class, the worst bin, and the parts of the Brier score.

The plain expected calibration error is in `trainables.metrics.calibration`. None of these is an unbiased estimate: each
grows with the number of bins for the same images, so numbers are compared at equal bins and images only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.metrics.calibration import BINS, curve_of
from trainables.metrics.columns import Column, rounded


@dataclass(frozen=True, kw_only=True)
class BrierParts:
    """Brier score = reliability - resolution + uncertainty + remainder (Murphy 1973; Stephenson et al. 2008).

    Murphy's three parts add up where all forecasts of a bin are equal. Forecasts that are only sorted into bins leave a
    remainder, their variance within the bins less twice their covariance with the truth; it shrinks with finer bins.

    Attributes:
        reliability: mean squared distance of a bin's mean forecast from what happened in it; 0 is best.
        resolution: mean squared distance of what happened in a bin from the base rate; larger is better.
        uncertainty: of the base rates alone; no forecast changes it.
        remainder: what binning leaves.
    """

    reliability: float
    resolution: float
    uncertainty: float
    remainder: float


def equal_mass_bins(values: Tensor, bins: int) -> Tensor:
    """Number of each value's bin, [entries]: bins hold equal numbers of entries as far as equal values allow.

    Equal values share a bin, the one of their mean rank, so that the order of the images changes nothing.

    Raises:
        ValueError: fewer bins than one.
    """
    if bins < 1:
        raise ValueError(f"equal_mass_bins() was asked for {bins} bins; it needs at least 1.")
    place: Tensor
    ties: Tensor
    _, place, ties = torch.unique(rounded(values), return_inverse=True, return_counts=True)
    before = ties.cumsum(0) - ties
    middle = 2 * before + ties  # twice the mean rank, in whole numbers
    return (middle * bins // (2 * len(values)))[place].clamp_max(bins - 1) if len(values) else place


def equal_mass_error(confidence: Tensor, right: Tensor, bins: int = BINS) -> float | None:
    """Calibration error over bins of equal mass (Nguyen and O'Connor 2015); None without entries.

    Args:
        confidence: [entries], probability of what is claimed.
        right: [entries], 1 where it is so.
        bins: how many.
    """
    gaps, counts = _gaps(confidence, right, equal_mass_bins(confidence, bins), bins)
    return float((gaps * counts).sum() / counts.sum()) if len(confidence) else None


def maximum_error(confidence: Tensor, right: Tensor, bins: int = BINS) -> float | None:
    """Largest |accuracy - confidence| of any equal-width bin that is not empty (Guo et al. 2017, equation 5)."""
    if not len(confidence):
        return None
    curve = curve_of(confidence, right, bins)
    return float((curve.accuracy - curve.confidence).abs().nan_to_num(0.0).max())


def class_errors(columns: Sequence[Column], bins: int = BINS) -> list[float | None]:
    """Calibration error of every class's own probability, against the rest; None of one without entries.

    Their mean is the class-wise calibration error (Kull et al. 2019), also called static (Nixon et al. 2019).
    """
    return [curve_of(each.probability, each.truth, bins).calibration_error() if len(each) else None for each in columns]


def adaptive_error(columns: Sequence[Column], bins: int = BINS) -> float | None:
    """Adaptive calibration error (Nixon et al. 2019): mean gap over classes and bins of equal mass, all counting alike."""
    found = []
    for each in columns:
        if len(each):
            gaps, counts = _gaps(each.probability, each.truth, equal_mass_bins(each.probability, bins), bins)
            found.append(gaps[counts > 0].mean())
    return float(torch.stack(found).mean()) if found else None


def brier_parts(columns: Sequence[Column], *, exclusive: bool, bins: int = BINS) -> BrierParts | None:
    """The parts of the Brier score, from equal-width bins of every column's probability.

    Args:
        columns: of classes or labels.
        exclusive: of classes, whose squared errors are summed over an image (0 to 2); otherwise they are averaged over all
            known entries, as `brier` of labels is.
        bins: equal-width bins a column.

    Returns:
        The parts; None where nothing is known.
    """
    entries = sum(len(each) for each in columns)
    if not entries:
        return None
    totals = torch.zeros(4, dtype=torch.float64)
    for each in columns:
        share = 1.0 if exclusive else len(each) / entries
        totals += share * _parts(each, bins) if len(each) else 0.0
    reliability, resolution, uncertainty, score = totals.tolist()
    remainder = score - (reliability - resolution + uncertainty)
    return BrierParts(reliability=reliability, resolution=resolution, uncertainty=uncertainty, remainder=remainder)


def _parts(column: Column, bins: int) -> Tensor:
    """Reliability, resolution, uncertainty and mean squared error of one column."""
    curve, base = curve_of(column.probability, column.truth, bins), column.truth.mean()
    share = curve.counts.double() / len(column)
    reliability = (share * (curve.confidence - curve.accuracy).square().nan_to_num(0.0)).sum()
    resolution = (share * (curve.accuracy - base).square().nan_to_num(0.0)).sum()
    uncertainty = (column.truth - base).square().mean()
    return torch.stack([reliability, resolution, uncertainty, (column.probability - column.truth).square().mean()])


def _gaps(confidence: Tensor, right: Tensor, place: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """|share right - mean confidence| and number of entries by bin, 0 in an empty one."""
    counts = torch.bincount(place, minlength=bins)
    difference = torch.bincount(place, weights=right - confidence, minlength=bins)
    return (difference / counts).abs().nan_to_num(0.0), counts

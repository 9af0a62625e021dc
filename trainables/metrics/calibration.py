"""Whether probabilities can be believed: NLL, Brier score, expected calibration error, reliability diagrams."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 15


@dataclass(frozen=True, kw_only=True, eq=False)
class ReliabilityCurve:
    """Images sorted into equal-width bins by the probability of their predicted class.

    Attributes:
        edges: [bins + 1], from 0 to 1; a bin holds its upper edge.
        counts: [bins], images in each bin.
        confidence: [bins], their mean probability of the predicted class; NaN in an empty bin.
        accuracy: [bins], the share of them that is right; NaN in an empty bin.
        counted: `images` with their predicted class, or `labels` of images with the probability that they are present.
    """

    edges: Tensor
    counts: Tensor
    confidence: Tensor
    accuracy: Tensor
    counted: str = "images"

    def calibration_error(self) -> float:
        """ECE = sum over bins of counts / images * |accuracy - confidence| (Guo et al. 2017, equation 3)."""
        gaps = (self.accuracy - self.confidence).abs().nan_to_num(0.0)
        return float((self.counts * gaps).sum() / self.counts.sum())


def negative_log_likelihood(log_probs: Tensor, targets: Tensor) -> float:
    """Mean over images of -log p of the true class, in nats.

    Args:
        log_probs: [images, classes].
        targets: [images].
    """
    return float(-log_probs.gather(1, targets[:, None]).mean())


def brier(log_probs: Tensor, targets: Tensor) -> float:
    """Mean over images of sum over classes (p - truth)^2 (Brier 1950): 0 is best, 2 worst."""
    truth = torch.nn.functional.one_hot(targets, log_probs.shape[1])
    return float((log_probs.exp() - truth).square().sum(dim=1).mean())


def reliability_of(log_probs: Tensor, targets: Tensor, bins: int = BINS) -> ReliabilityCurve:
    """Accuracy against confidence, from log probabilities [images, classes] and targets [images]."""
    top, chosen = log_probs.max(dim=1)
    return curve_of(top.exp(), (chosen == targets).double(), bins)


def curve_of(confidence: Tensor, right: Tensor, bins: int = BINS, counted: str = "images") -> ReliabilityCurve:
    """The same from the probability of anything, and whether it was so, each [entries] in double precision.

    Raises:
        ValueError: fewer bins than one.
    """
    if bins < 1:
        raise ValueError(f"reliability() was asked for {bins} bins; it needs at least 1.")
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64, device=confidence.device)
    place = torch.bucketize(confidence, edges[1:-1])
    counts = torch.bincount(place, minlength=bins)
    return ReliabilityCurve(
        edges=edges,
        counts=counts,
        confidence=torch.bincount(place, weights=confidence, minlength=bins) / counts,
        accuracy=torch.bincount(place, weights=right, minlength=bins) / counts,
        counted=counted,
    )

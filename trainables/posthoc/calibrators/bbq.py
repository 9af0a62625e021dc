"""Bayesian binning into quantiles: histograms of many sizes, weighted by their evidence (Naeini et al. 2015)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainables.posthoc.calibrators.histogram import Steps, count, mass_edges

SPREAD = 10
"""The paper's C: from n^(1/3) / C to C n^(1/3) bins."""
STRENGTH = 2.0
"""The paper's N': entries that the prior of a whole model is worth."""


def fit_bbq(log_odds: Tensor, targets: Tensor) -> Steps:
    """The mean of equal-mass histograms under their posterior, each bin with a Beta prior (Naeini et al. 2015).

    A histogram of B bins has the prior Beta(N'/B p_b, N'/B (1 - p_b)) in bin b, p_b its middle (held in
    [1 / 2n, 1 - 1 / 2n] for n entries), so that no bin has the probability 0 or 1. Its evidence is the product of the bins' Beta-binomial likelihoods. A mean of step functions is one
    step function, whose edges are those of all histograms.

    Args:
        log_odds: [entries], double precision.
        targets: [entries], probability that the label is present.
    """
    probabilities = torch.sigmoid(log_odds)
    ordered = probabilities.sort().values
    models = [_model(probabilities, targets, mass_edges(ordered, bins)) for bins in sizes(len(targets))]
    weights = torch.softmax(torch.stack([evidence for _, evidence in models]), dim=0)
    edges = torch.unique(torch.cat([steps.edges for steps, _ in models]))
    inside = torch.cat([edges, torch.ones(1, dtype=torch.float64)])  # a point of every bin of the mean
    values = sum(
        weight * steps.values[torch.bucketize(inside, steps.edges)]
        for weight, (steps, _) in zip(weights, models, strict=True)
    )
    return Steps(edges=edges, values=torch.as_tensor(values))


def sizes(n: int) -> range:
    """The numbers of bins for n entries."""
    root = n ** (1 / 3)
    return range(max(1, math.floor(root / SPREAD)), min(math.ceil(root * SPREAD), n) + 1)


def _model(probabilities: Tensor, targets: Tensor, edges: Tensor) -> tuple[Steps, Tensor]:
    """A histogram of posterior means, and the logarithm of its evidence."""
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    borders = torch.cat([ends[:1], edges, ends[1:]])
    least = 1 / (2 * len(targets))  # of a middle: bins at the end of a saturated network have no width
    middles = ((borders[:-1] + borders[1:]) / 2).clamp(least, 1 - least)
    strength = STRENGTH / len(middles)
    alpha, beta = strength * middles, strength * (1 - middles)
    counts, present = count(probabilities, targets, edges)
    evidence = (
        torch.lgamma(torch.tensor(strength, dtype=torch.float64))
        - torch.lgamma(counts + strength)
        + torch.lgamma(present + alpha)
        - torch.lgamma(alpha)
        + torch.lgamma(counts - present + beta)
        - torch.lgamma(beta)
    )
    return Steps(edges=edges, values=(present + alpha) / (counts + strength)), evidence.sum()

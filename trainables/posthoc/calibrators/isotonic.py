"""Isotonic regression: the best map of a probability that never falls (Zadrozny & Elkan 2002)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


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
    """The rising function of the probability with the least squared error, by scikit-learn.

    A block of entries without the label would have the probability 0 and its first counter-example an infinite NLL: values
    are clipped to [1 / 2n, 1 - 1 / 2n] for n entries, which is less than any other block's distance from 0 and 1 if the
    targets are 0 and 1.

    Args:
        log_odds: [entries], double precision.
        targets: [entries], probability that the label is present.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(torch.sigmoid(log_odds).numpy(), targets.numpy())
    least = 1 / (2 * len(targets))
    return Interpolation(
        thresholds=torch.from_numpy(np.asarray(fitted.X_thresholds_, dtype=np.float64)),
        values=torch.from_numpy(np.asarray(fitted.y_thresholds_, dtype=np.float64)).clamp(least, 1 - least),
    )

"""What a fitted map of one label's log odds is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class LogOddsMap(Protocol):
    """Log odds of one label, or of one class against the rest, to calibrated log odds."""

    def __call__(self, log_odds: Tensor) -> Tensor:
        """[entries] to [entries], finite, in double precision."""
        ...

    def parameters(self) -> Mapping[str, Tensor]:
        """What was fitted, by name."""
        ...


@dataclass(frozen=True, kw_only=True)
class Affine:
    """slope * z + intercept; as it stands it changes nothing.

    Attributes:
        slope, intercept: of the log odds.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, log_odds: Tensor) -> Tensor:
        """See `LogOddsMap`."""
        return self.slope * log_odds + self.intercept

    def parameters(self) -> dict[str, Tensor]:
        """`slope` and `intercept`."""
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in vars(self).items()}


def has_both(targets: Tensor) -> bool:
    """Whether targets [entries] hold entries with the label and entries without it."""
    present = targets > 0.5
    return bool(present.any()) and not bool(present.all())
